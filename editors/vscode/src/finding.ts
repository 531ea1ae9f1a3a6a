// Where the program `semls` is: in the setting, the selected Python environment, on the PATH, or installed by us.

import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import * as vscode from 'vscode';

const WINDOWS = process.platform === 'win32';
const PROGRAM = WINDOWS ? 'semls.exe' : 'semls';

interface Python {
  environments: { getActiveEnvironmentPath(resource?: vscode.Uri): { path: string } };
}

/** The first that is there; where the setting names one, that or an error. */
export async function find(context: vscode.ExtensionContext): Promise<string | undefined> {
  const set = vscode.workspace.getConfiguration('semls').get('path', '').trim();
  if (set) {
    const program = await first(/[\\/]/.test(set) ? [set.replace(/^~(?=[\\/])/, homedir())] : onPath(set));
    if (!program) {
      throw new Error(`the setting semls.path names ${set}, which is no program`);
    }
    return program;
  }
  return first([...(await selectedPython()), ...onPath(PROGRAM), inEnvironment(ownEnvironment(context))]);
}

/** The first that is a program; where a relative path leads to is nobody's decision. */
export async function first(places: string[]): Promise<string | undefined> {
  for (const place of places.filter(isAbsolute)) {
    const runs = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) {
      return place;
    }
  }
  return undefined;
}

/** The private environment, whether it is there or not. */
export function ownEnvironment(context: vscode.ExtensionContext): string {
  return join(context.globalStorageUri.fsPath, 'environment');
}

export function inEnvironment(environment: string, program = PROGRAM): string {
  return join(environment, WINDOWS ? 'Scripts' : 'bin', program);
}

export function onPath(program: string): string[] {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, program));
}

/** Of the Python extension, if there is one; a restricted workspace may bring an environment of its own. */
async function selectedPython(): Promise<string[]> {
  const extension = vscode.extensions.getExtension<Python | undefined>('ms-python.python');
  if (!vscode.workspace.isTrusted || !extension) {
    return [];
  }
  const python = await extension.activate();
  const interpreter = python?.environments.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri).path;
  return interpreter ? [join(dirname(interpreter), PROGRAM)] : [];
}
