// Shows locations temporarily while the user moves through a list, and restores the previous editor afterwards.

import * as vscode from 'vscode';
import { rangeOf, show } from './location';
import type { CodeLocation } from './protocol';

export class Preview {
  private readonly editor = vscode.window.activeTextEditor;
  private readonly selections = this.editor?.selections ?? [];
  private readonly visibleRange = this.editor?.visibleRanges[0];
  private readonly tabs = new Set(allTabs());
  private readonly highlight = vscode.window.createTextEditorDecorationType({
    backgroundColor: new vscode.ThemeColor('editor.rangeHighlightBackground'),
    isWholeLine: true,
  });
  private requested: CodeLocation | undefined;
  private showing: Promise<void> | undefined;
  private hasShown = false;

  /** Show a location. While VS Code opens a file, only the newest of the requested locations is kept. */
  show(location: CodeLocation): void {
    this.requested = location;
    this.hasShown = true;
    this.showing ??= this.showRequested().finally(() => { this.showing = undefined; });
  }

  /** Remove the highlight and, unless the preview is to be kept, restore the previous editor, which takes the focus. */
  async end(keep: boolean): Promise<void> {
    this.requested = undefined;
    await this.showing;
    this.highlight.dispose();
    if (this.hasShown && !keep) {
      await this.restore();
    }
  }

  private async showRequested(): Promise<void> {
    let shown: CodeLocation | undefined;
    while (this.requested && shown !== this.requested) {
      shown = this.requested;
      const editor = await show(shown, { preview: true, preserveFocus: true });
      editor.setDecorations(this.highlight, [rangeOf(shown)]);
    }
  }

  private async restore(): Promise<void> {
    if (this.editor) {
      const { document, viewColumn } = this.editor;
      const editor = await vscode.window.showTextDocument(document, { ...(viewColumn && { viewColumn }) });
      editor.selections = this.selections;
      if (this.visibleRange) {
        editor.revealRange(this.visibleRange, vscode.TextEditorRevealType.AtTop);
      }
    }
    const previews = allTabs().filter((tab) => tab.isPreview && !this.tabs.has(tab));
    await vscode.window.tabGroups.close(previews, true);
  }
}

function allTabs(): vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs);
}
