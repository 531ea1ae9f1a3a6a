// Results that stay: a tree in a side bar, by file or best first.

import * as vscode from 'vscode';
import { addressOf, iconOf, lineOf, nameOf, show, uriOf } from './places';
import type { Hit } from './protocol';
import type { Server } from './server';

interface File {
  path: string;
  hits: Hit[];
}

type Node = File | Hit;

export class Results implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly view: vscode.TreeView<Node>;
  private asked: () => Promise<Hit[]> = () => Promise.resolve([]);
  private hits: Hit[] = [];
  private current: Hit | undefined;
  private grouped = false;

  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly server: Server) {
    this.view = vscode.window.createTreeView<Node>('semls.results', { treeDataProvider: this, showCollapseAll: true });
  }

  /** What a question has found, or what `again` finds. */
  async show(title: string, hits: Hit[], again?: () => Promise<Hit[]>): Promise<void> {
    const limit = Math.max(hits.length, 10);
    this.asked = again ?? (async () => (await this.server.ask('semls/search', { query: title, limit })).hits);
    this.view.title = title;
    this.take(hits);
    await vscode.commands.executeCommand('semls.results.focus');
  }

  async rerun(): Promise<void> {
    this.take(await vscode.window.withProgress({ location: { viewId: 'semls.results' } }, this.asked));
  }

  clear(): void {
    this.view.title = 'Results';
    this.take([]);
  }

  dismiss(node: Node): void {
    const gone = new Set(isFile(node) ? node.hits : [node]);
    this.take(this.hits.filter((hit) => !gone.has(hit)));
  }

  group(grouped: boolean): void {
    this.grouped = grouped;
    this.take(this.hits);
  }

  async copy(node?: Node): Promise<void> {
    const hits = node === undefined ? this.hits : isFile(node) ? node.hits : [node];
    await vscode.env.clipboard.writeText(hits.map((hit) => `${addressOf(hit)}\n${hit.snippet}\n`).join('\n'));
  }

  /** Go to the next result, or with -1 to the one before; after the last comes the first. */
  async step(by: 1 | -1): Promise<void> {
    const ordered = this.grouped ? this.files().flatMap((file) => file.hits) : this.hits;
    const at = this.current ? ordered.indexOf(this.current) : by > 0 ? -1 : 0;
    const next = ordered.at((at + by + ordered.length) % ordered.length);
    if (next) {
      await this.open(next);
      await this.view.reveal(next, { select: true, focus: false });
    }
  }

  async open(hit: Hit): Promise<void> {
    this.current = hit;
    await show(hit, { preview: true });
  }

  getChildren(node?: Node): Node[] {
    if (node) {
      return isFile(node) ? node.hits : [];
    }
    return this.grouped ? this.files() : this.hits;
  }

  getParent(node: Node): Node | undefined {
    return this.grouped && !isFile(node) ? this.files().find((file) => file.hits.includes(node)) : undefined;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if (isFile(node)) {
      const item = new vscode.TreeItem(node.path, vscode.TreeItemCollapsibleState.Expanded);
      item.id = node.path;
      item.iconPath = vscode.ThemeIcon.File;
      if (node.hits[0]) {
        item.resourceUri = uriOf(node.hits[0]);
      }
      item.description = String(node.hits.length);
      return item;
    }
    const item = new vscode.TreeItem(nameOf(node));
    item.id = `${node.uri} ${JSON.stringify(node.range)}`;
    item.iconPath = iconOf(node);
    item.description = this.grouped ? lineOf(node) : `${addressOf(node)}  ${lineOf(node)}`;
    item.tooltip = new vscode.MarkdownString().appendCodeblock(node.snippet, node.language);
    item.command = { command: 'semls.openResult', title: 'Open', arguments: [node] };
    return item;
  }

  dispose(): void {
    this.view.dispose();
    this.changed.dispose();
  }

  private take(hits: Hit[]): void {
    this.hits = hits;
    void vscode.commands.executeCommand('setContext', 'semls.hasResults', hits.length > 0);
    void vscode.commands.executeCommand('setContext', 'semls.grouped', this.grouped);
    this.changed.fire();
  }

  /** In the order of their best hits. */
  private files(): File[] {
    const files = new Map<string, File>();
    for (const hit of this.hits) {
      const file = files.get(hit.uri) ?? { path: addressOf(hit).replace(/:\d+$/, ''), hits: [] };
      files.set(hit.uri, file);
      file.hits.push(hit);
    }
    return [...files.values()];
  }
}

function isFile(node: Node): node is File {
  return 'hits' in node;
}
