// Finds the semls executable: in the setting, the selected Python environment, the PATH, or the extension's environment.

import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import * as vscode from 'vscode';

const IS_WINDOWS = process.platform === 'win32';
const PROGRAM = IS_WINDOWS ? 'semls.exe' : 'semls';

/** The part of the Python extension's API that is used here. */
interface PythonApi {
  environments: { getActiveEnvironmentPath(resource?: vscode.Uri): { path: string } };
}

/** Return the path of semls. If the setting names a program that does not exist, throw an error. */
export async function findServer(context: vscode.ExtensionContext): Promise<string | undefined> {
  const setting = vscode.workspace.getConfiguration('semls').get('path', '').trim();
  if (setting) {
    const candidates = /[\\/]/.test(setting) ? [setting.replace(/^~(?=[\\/])/, homedir())] : pathCandidates(setting);
    const program = await firstExecutable(candidates);
    if (!program) {
      throw new Error(`the setting semls.path names ${setting}, which is not a program`);
    }
    return program;
  }
  return firstExecutable([
    ...(await selectedPythonCandidates()),
    ...pathCandidates(PROGRAM),
    programIn(ownEnvironment(context)),
  ]);
}

/** Return the first executable file. Relative paths are skipped, because the current folder may be untrusted. */
export async function firstExecutable(candidates: string[]): Promise<string | undefined> {
  for (const candidate of candidates.filter(isAbsolute)) {
    const isExecutable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isExecutable) {
      return candidate;
    }
  }
  return undefined;
}

/** Return the folder of the extension's own Python environment, which may not exist yet. */
export function ownEnvironment(context: vscode.ExtensionContext): string {
  return join(context.globalStorageUri.fsPath, 'environment');
}

export function programIn(environment: string, program = PROGRAM): string {
  return join(environment, IS_WINDOWS ? 'Scripts' : 'bin', program);
}

/** Return where a program may be in the folders of the PATH. */
export function pathCandidates(program: string): string[] {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, program));
}

/** Ask the Python extension, except in an untrusted workspace, whose environment may be hostile. */
async function selectedPythonCandidates(): Promise<string[]> {
  const extension = vscode.extensions.getExtension<PythonApi | undefined>('ms-python.python');
  if (!vscode.workspace.isTrusted || !extension) {
    return [];
  }
  const python = await extension.activate();
  const interpreter = python?.environments.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri).path;
  return interpreter ? [join(dirname(interpreter), PROGRAM)] : [];
}
