// The last questions in this workspace, newest first.

import * as vscode from 'vscode';

const KEY = 'semls.history';
const LENGTH = 20;

export class History {
  constructor(private readonly memory: vscode.Memento) {}

  get questions(): string[] {
    return this.memory.get<string[]>(KEY, []);
  }

  add(question: string): void {
    const others = this.questions.filter((other) => other !== question);
    void this.memory.update(KEY, [question, ...others].slice(0, LENGTH));
  }

  /** Let the user select a question. */
  async select(): Promise<string | undefined> {
    return vscode.window.showQuickPick(this.questions, {
      title: 'Recent Questions',
      placeHolder: this.questions.length ? 'Search again for' : 'No questions yet',
    });
  }
}
