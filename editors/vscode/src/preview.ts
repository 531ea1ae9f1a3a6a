// Shows locations temporarily while the user moves through a list, and restores the previous editor afterwards.

import * as vscode from 'vscode';
import type { VirtualDocuments } from './documents';
import { positionOf, rangeOf, uriOf } from './location';
import type { CodeLocation } from './protocol';

/** How far down in the editor the name is shown. The quick pick covers nearly half of it. */
const NAME_AT = 0.6;
const MIN_ROWS = 20; // of an editor, if the rows that it shows are fewer because the file is short

/**
 * Previews are virtual documents: the Explorer does not expand folders to reveal them, and neither language servers nor
 * the list of recent files learn of them.
 */
export class Preview {
  private readonly editor = vscode.window.activeTextEditor;
  private readonly selections = this.editor?.selections ?? [];
  private readonly visibleRange = this.editor?.visibleRanges[0];
  private readonly tabs = new Set(allTabs());
  private readonly highlight = vscode.window.createTextEditorDecorationType({
    backgroundColor: new vscode.ThemeColor('editor.rangeHighlightBackground'),
    isWholeLine: true,
  });
  private rows = MIN_ROWS;
  private requested: CodeLocation | undefined;
  private shown: CodeLocation | undefined;
  private showing: Promise<void> | undefined;
  private hasEnded = false;

  /** `preserveFocus`: at the end, the focus stays where it is; else the previous editor takes it. */
  constructor(
    private readonly documents: VirtualDocuments,
    private readonly preserveFocus: boolean,
  ) {
    if (this.editor) {
      this.measure(this.editor);
    }
  }

  /** Show a location, or with undefined the previous editor. While a file is opened, only the newest request is kept. */
  show(location: CodeLocation | undefined): void {
    this.requested = location;
    this.showing ??= this.showRequested().finally(() => { this.showing = undefined; });
  }

  /** Remove the preview. Either `replace` shows another editor in its place, or the previous editor is restored. */
  async end(replace?: () => Promise<unknown>): Promise<void> {
    this.hasEnded = true;
    await this.showing;
    this.highlight.dispose();
    if (replace) {
      await replace();
      await this.closeTabs();
    } else if (this.shown) {
      await this.restore(this.preserveFocus);
    }
  }

  private async showRequested(): Promise<void> {
    while (!this.hasEnded && this.shown !== this.requested) {
      const location = this.requested;
      this.shown = location;
      if (location) {
        await this.open(location).catch(() => undefined); // the file was deleted
      } else {
        await this.restore(true);
      }
    }
  }

  private async open(location: CodeLocation): Promise<void> {
    const text = (await vscode.workspace.openTextDocument(uriOf(location))).getText();
    const document = await this.documents.open(uriOf(location).path, text);
    const editor = await vscode.window.showTextDocument(document, { preview: true, preserveFocus: true });
    editor.setDecorations(this.highlight, [rangeOf(location)]);
    this.measure(editor);
    const top = Math.max(0, positionOf(location).line - Math.floor(this.rows * NAME_AT));
    editor.revealRange(new vscode.Range(top, 0, top, 0), vscode.TextEditorRevealType.AtTop);
  }

  private measure(editor: vscode.TextEditor): void {
    const [visible] = editor.visibleRanges;
    if (visible) {
      this.rows = Math.max(this.rows, visible.end.line - visible.start.line + 1);
    }
  }

  private async restore(preserveFocus: boolean): Promise<void> {
    if (this.editor) {
      const { document, viewColumn } = this.editor;
      const options = { preserveFocus, ...(viewColumn && { viewColumn }) };
      const editor = await vscode.window.showTextDocument(document, options);
      editor.selections = this.selections;
      if (this.visibleRange) {
        editor.revealRange(this.visibleRange, vscode.TextEditorRevealType.AtTop);
      }
    }
    await this.closeTabs();
  }

  private async closeTabs(): Promise<void> {
    await vscode.window.tabGroups.close(allTabs().filter((tab) => tab.isPreview && !this.tabs.has(tab)), true);
  }
}

function allTabs(): vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs);
}
