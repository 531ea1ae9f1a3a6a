// Places that are looked at for a moment, and the way back to where one was.

import * as vscode from 'vscode';
import { rangeOf, show } from './places';
import type { Place } from './protocol';

export class Preview {
  private readonly editor = vscode.window.activeTextEditor;
  private readonly selections = this.editor?.selections ?? [];
  private readonly rows = this.editor?.visibleRanges[0];
  private readonly tabs = new Set(tabs());
  private readonly marked = vscode.window.createTextEditorDecorationType({
    backgroundColor: new vscode.ThemeColor('editor.rangeHighlightBackground'),
    isWholeLine: true,
  });
  private wanted: Place | undefined;
  private showing: Promise<void> | undefined;
  private left = false;

  /** Show a place; of those that come faster than VS Code opens files, the last one counts. */
  show(place: Place): void {
    this.wanted = place;
    this.left = true;
    this.showing ??= this.follow().finally(() => { this.showing = undefined; });
  }

  /** Remove the marks and, if one went somewhere and does not stay, go back: that takes the focus. */
  async end(stays: boolean): Promise<void> {
    this.wanted = undefined;
    await this.showing;
    this.marked.dispose();
    if (this.left && !stays) {
      await this.restore();
    }
  }

  private async follow(): Promise<void> {
    let shown: Place | undefined;
    while (this.wanted && shown !== this.wanted) {
      shown = this.wanted;
      const editor = await show(shown, { preview: true, preserveFocus: true });
      editor.setDecorations(this.marked, [rangeOf(shown)]);
    }
  }

  private async restore(): Promise<void> {
    if (this.editor) {
      const { document, viewColumn } = this.editor;
      const back = await vscode.window.showTextDocument(document, { ...(viewColumn && { viewColumn }) });
      back.selections = this.selections;
      if (this.rows) {
        back.revealRange(this.rows, vscode.TextEditorRevealType.AtTop);
      }
    }
    const previews = tabs().filter((tab) => tab.isPreview && !this.tabs.has(tab));
    await vscode.window.tabGroups.close(previews, true);
  }
}

function tabs(): vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs);
}
