// Installs the server that this extension brings into an environment of its own, after asking.

import { spawn } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { first, inEnvironment, onPath, ownEnvironment } from './finding';
import { Refused } from './server';

const INSTALL = 'Install';
const CHOOSE = 'Choose the Program…';

/** Offer to install, or to say where the server is; true when there may be one now. */
export async function offer(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Promise<boolean> {
  const answer = await vscode.window.showInformationMessage(
    'The search needs the program semls, which was not found. Install it into an environment of its own? ' +
      'Python 3.10 or later is needed; some 300 MB to some gigabytes are downloaded from the Python Package Index.',
    INSTALL,
    CHOOSE,
  );
  if (answer === CHOOSE) {
    return choose();
  }
  return answer === INSTALL && install(context, log);
}

/** True when it is installed; what goes wrong is said. */
export async function install(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Promise<boolean> {
  const environment = ownEnvironment(context);
  try {
    await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: 'Installing semls', cancellable: true },
      async (progress, token) => {
        const run = (message: string, command: string[]): Promise<void> => {
          progress.report({ message });
          return runs(command, log, token);
        };
        await rm(environment, { recursive: true, force: true });
        const uv = await first(onPath(process.platform === 'win32' ? 'uv.exe' : 'uv'));
        const python = inEnvironment(environment, 'python');
        const wanted = `${await wheel(context)}[offline]`;
        if (uv) {
          await run('making an environment', [uv, 'venv', '--quiet', environment]);
          await run('downloading', [uv, 'pip', 'install', '--torch-backend', 'auto', '--python', python, wanted]);
        } else {
          await run('making an environment', [await somePython(), '-m', 'venv', environment]);
          await run('downloading', [python, '-m', 'pip', 'install', '--disable-pip-version-check', wanted]);
        }
      },
    );
    return true;
  } catch (error) {
    await rm(environment, { recursive: true, force: true });
    if (!(error instanceof vscode.CancellationError)) {
      void failed(error, log);
    }
    return false;
  }
}

async function failed(error: unknown, log: vscode.LogOutputChannel): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  if (await vscode.window.showErrorMessage(`semls could not be installed: ${reason}`, 'Show Log')) {
    log.show();
  }
}

async function choose(): Promise<boolean> {
  const [file] = (await vscode.window.showOpenDialog({ title: 'The program semls' })) ?? [];
  if (file) {
    const settings = vscode.workspace.getConfiguration('semls');
    await settings.update('path', file.fsPath, vscode.ConfigurationTarget.Global);
  }
  return file !== undefined;
}

/** The server that was packed with this extension, of the same version. */
async function wheel(context: vscode.ExtensionContext): Promise<string> {
  const folder = context.asAbsolutePath('dist');
  const name = (await readdir(folder)).find((file) => file.endsWith('.whl'));
  if (!name) {
    throw new Refused('this extension was packed without the server');
  }
  return join(folder, name);
}

async function somePython(): Promise<string> {
  const names = process.platform === 'win32' ? ['python.exe', 'py.exe'] : ['python3', 'python'];
  const python = await first(names.flatMap(onPath));
  if (!python) {
    throw new Refused('there is no Python on the PATH; install Python 3.10 or later');
  }
  return python;
}

/** Run a program to its end. What it prints goes to the log; its last line is the reason where it fails. */
function runs(command: string[], log: vscode.LogOutputChannel, token: vscode.CancellationToken): Promise<void> {
  const [program = '', ...given] = command;
  log.info(command.join(' '));
  return new Promise((resolve, reject) => {
    const child = spawn(program, given);
    const cancelling = token.onCancellationRequested(() => child.kill());
    let last = '';
    const note = (data: Buffer): void => {
      for (const line of data.toString().split(/\r?\n/).filter((text) => text.trim())) {
        log.info(line);
        last = line.trim();
      }
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    child.on('error', reject);
    child.on('close', (code) => {
      cancelling.dispose();
      if (token.isCancellationRequested) {
        reject(new vscode.CancellationError());
      } else if (code === 0) {
        resolve();
      } else {
        reject(new Refused(last || `${program} failed`));
      }
    });
  });
}
