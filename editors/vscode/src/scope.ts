// Buttons that narrow a search: to the folder or the kind of the current file, and to code that is no test.

import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Filters } from './protocol';

interface Choice {
  icon: string;
  tooltip: string;
  label: string; // in the title, while it is on
}

/** A button that VS Code draws as pressed. `toggle` is newer than the oldest supported version, which ignores it. */
interface Toggle extends vscode.QuickInputButton {
  choice: Choice;
  toggle: { checked: boolean };
}

const NO_TESTS: Choice = { icon: 'beaker', tooltip: 'Leave Out Tests', label: 'no tests' };

export class Scope {
  private readonly on = new Set<Choice>();
  private readonly folder: string;
  private readonly extension: string;
  private readonly inFolder: Choice;
  private readonly sameKind: Choice;

  constructor(uri = vscode.window.activeTextEditor?.document.uri) {
    const file = uri?.scheme === 'file' ? vscode.workspace.asRelativePath(uri, false) : '';
    const isInWorkspace = file !== '' && !path.isAbsolute(file);
    this.folder = isInWorkspace ? path.posix.dirname(file).replace(/^\.$/, '') : '';
    this.extension = isInWorkspace ? path.posix.extname(file) : '';
    this.inFolder = { icon: 'folder', tooltip: `Only in ${this.folder}`, label: `in ${this.folder}` };
    this.sameKind = {
      icon: 'symbol-file',
      tooltip: `Only in *${this.extension} Files`,
      label: `*${this.extension}`,
    };
  }

  get buttons(): vscode.QuickInputButton[] {
    const choices = [...(this.folder ? [this.inFolder] : []), ...(this.extension ? [this.sameKind] : []), NO_TESTS];
    return choices.map((choice): Toggle => ({
      choice,
      iconPath: new vscode.ThemeIcon(choice.icon),
      tooltip: choice.tooltip,
      toggle: { checked: this.on.has(choice) },
    }));
  }

  get labels(): string[] {
    return [...this.on].map((choice) => choice.label);
  }

  get filters(): Filters {
    const folder = this.on.has(this.inFolder) ? `${literal(this.folder)}/**/` : '';
    const extension = this.on.has(this.sameKind) ? `*${literal(this.extension)}` : '*';
    return {
      ...((folder || extension !== '*') && { paths: [`${folder}${extension}`] }),
      ...(this.on.has(NO_TESTS) && { tests: false }),
    };
  }

  /** Turn a button on or off. Return whether it was one of `buttons`. */
  toggle(button: vscode.QuickInputButton): boolean {
    if (!('choice' in button)) {
      return false;
    }
    const { choice } = button as Toggle;
    if (!this.on.delete(choice)) {
      this.on.add(choice);
    }
    return true;
  }
}

/** Return a glob for a path: a question mark stands for a character that has a meaning in globs. */
function literal(name: string): string {
  return name.replace(/[*{}[\]\\]/g, '?');
}
