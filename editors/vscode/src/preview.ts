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
  private editor: vscode.TextEditor | undefined;
  /** The file in the preview tab of the group, active or not. VS Code shows the next preview in its place. */
  private formerPreview: vscode.Uri | undefined;
  private readonly highlight = vscode.window.createTextEditorDecorationType({
    backgroundColor: new vscode.ThemeColor('editor.rangeHighlightBackground'),
    isWholeLine: true,
  });
  private rows = MIN_ROWS;
  private requested: CodeLocation | undefined;
  private shown: CodeLocation | undefined;
  private showing: Promise<void> | undefined;
  private readonly opened = new Set<string>(); // URIs of the previews
  private hasEnded = false;
  private ending: Promise<void> | undefined;

  /** `former` is settled when the preview before this one has restored the editor. */
  constructor(
    private readonly documents: VirtualDocuments,
    former: Promise<unknown> | undefined,
  ) {
    if (former) {
      const start = async (): Promise<void> => {
        await former;
        this.remember();
        await this.showRequested();
      };
      this.showing = start().finally(() => { this.showing = undefined; });
    } else {
      this.remember();
    }
  }

  /** Show a location, or with undefined the previous editor. While a file is opened, only the newest request is kept. */
  show(location: CodeLocation | undefined): void {
    this.requested = location;
    this.showing ??= this.showRequested().finally(() => { this.showing = undefined; });
  }

  /** Return the place in the file at which the user has clicked in its preview. */
  clickedLocation({ kind, textEditor, selections }: vscode.TextEditorSelectionChangeEvent): CodeLocation | undefined {
    const isClick = kind === vscode.TextEditorSelectionChangeKind.Mouse;
    const [range] = selections;
    if (!isClick || !range || !this.shown || !this.opened.has(textEditor.document.uri.toString())) {
      return undefined;
    }
    return { ...this.shown, range, selectionRange: range };
  }

  /** Show nothing any more. */
  async stop(): Promise<void> {
    this.hasEnded = true;
    await this.showing;
    this.highlight.dispose();
  }

  /** Show the previous editor again. The focus stays where it is. */
  end(): Promise<void> {
    this.ending ??= this.restoreAndClose();
    return this.ending;
  }

  /** Close what is left of the preview. */
  async close(): Promise<void> {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    const own = tabs.filter(({ input, isPreview }) => {
      return isPreview && input instanceof vscode.TabInputText && this.opened.has(input.uri.toString());
    });
    await vscode.window.tabGroups.close(own, true);
  }

  private remember(): void {
    this.editor = vscode.window.activeTextEditor;
    const tab = vscode.window.tabGroups.activeTabGroup.tabs.find((each) => each.isPreview);
    this.formerPreview = tab?.input instanceof vscode.TabInputText ? tab.input.uri : undefined;
    if (this.editor) {
      this.measure(this.editor);
    }
  }

  private async showRequested(): Promise<void> {
    while (!this.hasEnded && this.shown !== this.requested) {
      const location = this.requested;
      this.shown = location;
      if (location) {
        await this.open(location).catch(() => undefined); // the file was deleted
      } else {
        await this.restore();
      }
    }
  }

  private async open(location: CodeLocation): Promise<void> {
    await this.keepActiveTab();
    const text = (await vscode.workspace.openTextDocument(uriOf(location))).getText();
    const document = await this.documents.open(uriOf(location).path, text);
    this.opened.add(document.uri.toString());
    const editor = await vscode.window.showTextDocument(document, { preview: true, preserveFocus: true });
    editor.setDecorations(this.highlight, [rangeOf(location)]);
    this.measure(editor);
    const top = Math.max(0, positionOf(location).line - Math.floor(this.rows * NAME_AT));
    editor.revealRange(new vscode.Range(top, 0, top, 0), vscode.TextEditorRevealType.AtTop);
  }

  /** Keep a page, picture or comparison in the preview tab. VS Code would replace it, and only text can be shown again. */
  private async keepActiveTab(): Promise<void> {
    const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
    if (tab?.isPreview && !(tab.input instanceof vscode.TabInputText)) {
      await vscode.commands.executeCommand('workbench.action.keepEditor');
    }
  }

  private measure(editor: vscode.TextEditor): void {
    const [visible] = editor.visibleRanges;
    if (visible) {
      this.rows = Math.max(this.rows, visible.end.line - visible.start.line + 1);
    }
  }

  private async restoreAndClose(): Promise<void> {
    await this.stop();
    if (this.shown) {
      await this.restore();
    }
  }

  /** Show the tabs as they were. VS Code restores selections and scroll positions. */
  private async restore(): Promise<void> {
    const viewColumn = this.editor?.viewColumn ?? vscode.ViewColumn.Active;
    const options = { preserveFocus: true, viewColumn };
    if (this.formerPreview) {
      const shown = vscode.window.showTextDocument(this.formerPreview, { ...options, preview: true });
      await shown.then(undefined, () => undefined); // the file was deleted
    }
    if (this.editor) {
      await vscode.window.showTextDocument(this.editor.document, options);
    }
    await this.close();
  }
}
