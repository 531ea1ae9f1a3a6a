// Installs the server, which is packaged with this extension, into a Python environment of the extension.

import { spawn } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as vscode from 'vscode';
import { firstExecutable, ownEnvironment, pathCandidates, programIn } from './executable';
import { UserError } from './server';

const INSTALL = 'Install';
const SELECT = 'Select Executable…';
/** A line of pip ("Downloading numpy-2.3.4-cp311-….whl (16.6 MB)") or of uv ("Downloading numpy (15.8MiB)"). */
const DOWNLOAD = /(?:Downloading|Using cached) (?:\S*\/)?(?<name>\w+)\S* \((?<size>[\d.]+) ?(?<unit>[kKMG]i?B)\)/;

/** The download without CUDA, as measured on Linux. PyTorch's wheels for Linux and Windows may contain CUDA. */
function downloadSize(): string {
  return process.platform === 'darwin' ? 'about 350 MB' : 'about 350 MB (up to 4 GB where PyTorch comes with CUDA)';
}

/** Offer to install semls or to select its executable. Return whether the server can be started now. */
export async function offerInstallation(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Promise<boolean> {
  const answer = await vscode.window.showInformationMessage(
    'semls is not installed. Install it into a separate Python environment? ' +
      `This downloads ${downloadSize()} from the Python Package Index, and then a model of 550 MB. ` +
      'Search works before the model has arrived, and your code stays on this machine.',
    INSTALL,
    SELECT,
  );
  if (answer === SELECT) {
    return selectExecutable();
  }
  return answer === INSTALL && installServer(context, log);
}

/** Install semls with uv or pip, and show why if that fails. Return whether it succeeded. */
export async function installServer(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Promise<boolean> {
  const environment = ownEnvironment(context);
  try {
    await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: 'Installing semls', cancellable: true },
      async (progress, token) => {
        let total = 0;
        const run = (message: string, command: string[]): Promise<void> => {
          progress.report({ message });
          return runProgram(command, log, token, (line) => {
            const download = DOWNLOAD.exec(line);
            if (download?.groups) {
              const { name = '', size = '', unit = '' } = download.groups;
              const megabytes = Number(size) * (/^g/i.test(unit) ? 1000 : /^k/i.test(unit) ? 0.001 : 1);
              total += megabytes;
              progress.report({ message: `${name}, ${Math.round(megabytes)} MB (${Math.round(total)} MB in total)` });
            }
          });
        };
        await rm(environment, { recursive: true, force: true });
        const uv = await firstExecutable(pathCandidates(process.platform === 'win32' ? 'uv.exe' : 'uv'));
        const python = programIn(environment, 'python');
        const requirement = await packagedServer(context);
        if (uv) {
          await run('creating the environment', [uv, 'venv', '--quiet', environment]);
          await run('downloading', [uv, 'pip', 'install', '--torch-backend', 'auto', '--python', python, requirement]);
        } else {
          await run('creating the environment', [await findPython(), '-m', 'venv', environment]);
          await run('downloading', [python, '-m', 'pip', 'install', '--disable-pip-version-check', requirement]);
        }
      },
    );
    return true;
  } catch (error) {
    await rm(environment, { recursive: true, force: true });
    if (!(error instanceof vscode.CancellationError)) {
      void showFailure(error, log);
    }
    return false;
  }
}

async function showFailure(error: unknown, log: vscode.LogOutputChannel): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  if (await vscode.window.showErrorMessage(`Failed to install semls: ${reason}`, 'Show Log')) {
    log.show();
  }
}

async function selectExecutable(): Promise<boolean> {
  const [file] = (await vscode.window.showOpenDialog({ title: 'Select the semls Executable' })) ?? [];
  if (file) {
    const settings = vscode.workspace.getConfiguration('semls');
    await settings.update('path', file.fsPath, vscode.ConfigurationTarget.Global);
  }
  return file !== undefined;
}

/** Return the requirement of the server, which has the same version as the extension, with what agents need. */
async function packagedServer(context: vscode.ExtensionContext): Promise<string> {
  const folder = context.asAbsolutePath('dist');
  const name = (await readdir(folder)).find((file) => file.endsWith('.whl'));
  if (!name) {
    throw new UserError('this build of the extension does not contain the server');
  }
  return `semls[mcp] @ ${pathToFileURL(join(folder, name)).href}`;
}

async function findPython(): Promise<string> {
  const names = process.platform === 'win32' ? ['python.exe', 'py.exe'] : ['python3', 'python'];
  const python = await firstExecutable(names.flatMap(pathCandidates));
  if (!python) {
    throw new UserError('Python was not found on the PATH; install Python 3.10 or later');
  }
  return python;
}

/** Run a program and log its output. If it fails, reject with the last line of the output. */
function runProgram(
  command: string[],
  log: vscode.LogOutputChannel,
  token: vscode.CancellationToken,
  onLine: (line: string) => void,
): Promise<void> {
  const [program = '', ...args] = command;
  log.info(command.join(' '));
  return new Promise((resolve, reject) => {
    const child = spawn(program, args);
    const cancellation = token.onCancellationRequested(() => child.kill());
    let lastLine = '';
    const logOutput = (data: Buffer): void => {
      for (const line of data.toString().split(/\r?\n/).filter((text) => text.trim())) {
        log.info(line);
        onLine(line);
        lastLine = line.trim();
      }
    };
    child.stdout.on('data', logOutput);
    child.stderr.on('data', logOutput);
    child.on('error', reject);
    child.on('close', (code) => {
      cancellation.dispose();
      if (token.isCancellationRequested) {
        reject(new vscode.CancellationError());
      } else if (code === 0) {
        resolve();
      } else {
        reject(new UserError(lastLine || `${program} failed`));
      }
    });
  });
}
