// The Results view: hits that stay in a side bar, grouped by file or in ranking order.

import * as vscode from 'vscode';
import { embeddedPercent } from './coverage';
import { highlightsOf } from './highlight';
import { addressOf, iconOf, keyOf, positionOf, show, uriOf } from './location';
import type { Filters, Hit } from './protocol';
import { isStrong, maxResults, type Server } from './server';

/** A file, or a cluster of duplicates. */
export interface Group {
  id: string;
  label: string;
  description: string;
  icon: vscode.ThemeIcon;
  hits: Hit[];
  uri?: vscode.Uri; // of the file
}

type Node = Group | Hit;

export interface Found {
  hits: Hit[];
  groups?: Group[]; // instead of the files
  notes?: string[];
  isStrong: boolean;
  isComplete: boolean; // a later answer would have the same hits
}

const NOTHING: Found = { hits: [], isStrong: true, isComplete: true };

export class Results implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly view: vscode.TreeView<Node>;
  private readonly subscription: vscode.Disposable;
  private search: () => Promise<Found> = () => Promise.resolve(NOTHING);
  private title = '';
  private found = NOTHING;
  private current: Hit | undefined; // was opened last
  private grouped = true;

  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly server: Server) {
    this.view = vscode.window.createTreeView<Node>('semls.results', { treeDataProvider: this });
    this.subscription = vscode.Disposable.from(
      server.onDidChange(() => { void this.onProgress(); }),
      this.view.onDidChangeSelection(({ selection: [node] }) => {
        this.current = node && !isGroup(node) ? node : this.current;
      }),
    );
    this.clear();
  }

  /** Search the open folders and show the hits. */
  async showSearch(query: string, filters: Filters = {}): Promise<void> {
    const search = async (): Promise<Found> => {
      const group = this.grouped ? { group: 'file' as const } : {};
      const answer = await this.server.request('semls/search', { query, limit: maxResults(), ...filters, ...group });
      const { isLexicalOnly } = this.server;
      const isComplete = answer.complete && (isLexicalOnly || embeddedPercent([answer.coverage]) === 100);
      return { hits: answer.hits, isStrong: isStrong(answer), isComplete };
    };
    await this.show(query, await search(), search);
  }

  /** Show what was found. Search Again, changes of the order and the progress of the index call `search`. */
  async show(title: string, found: Found, search: () => Promise<Found>): Promise<void> {
    this.search = search;
    this.title = title;
    this.current = undefined;
    this.setFound(found);
    void this.onProgress(); // the index may have become complete since the answer left the server
    await vscode.commands.executeCommand('semls.results.focus');
  }

  async rerun(): Promise<void> {
    this.setFound(await vscode.window.withProgress({ location: { viewId: 'semls.results' } }, this.search));
  }

  clear(): void {
    this.title = '';
    this.setFound(NOTHING);
  }

  /** Remove a row, by default the selected ones. */
  dismiss(node?: Node): void {
    const nodes = node ? [node] : this.view.selection;
    const dismissed = new Set(nodes.flatMap((each) => (isGroup(each) ? each.hits : [each])));
    const kept = (hits: Hit[]): Hit[] => hits.filter((hit) => !dismissed.has(hit));
    const { hits, groups } = this.found;
    if (groups) {
      const others = groups.map((group) => ({ ...group, hits: kept(group.hits) })).filter(isCluster);
      this.setFound({ ...this.found, groups: others, hits: others.flatMap((group) => group.hits) });
    } else {
      this.setFound({ ...this.found, hits: kept(hits) });
    }
  }

  /** Group the hits by file or sort them by rank. Search again, because the best hits of files are others. */
  async setGrouped(grouped: boolean): Promise<void> {
    this.grouped = grouped;
    this.current = undefined;
    this.setFound(this.found);
    await this.rerun();
  }

  async copy(node?: Node): Promise<void> {
    const hits = node === undefined ? this.found.hits : isGroup(node) ? node.hits : [node];
    await vscode.env.clipboard.writeText(hits.map((hit) => `${addressOf(hit)}\n${hit.snippet}\n`).join('\n'));
  }

  /** Open the next result, or with -1 the previous one. The last result is followed by the first. */
  async step(by: 1 | -1): Promise<void> {
    const ordered = this.ordered();
    const index = this.current ? this.indexOf(this.current, ordered) : by > 0 ? -1 : 0;
    const next = ordered.at((index + by + ordered.length) % ordered.length);
    if (next) {
      await this.open(next);
      await this.view.reveal(next, { select: true, focus: false });
    }
  }

  private async open(hit: Hit): Promise<void> {
    this.current = hit;
    await show(hit, { preview: true });
  }

  /** Open a result, by default the selected one, in another group of editors. */
  async openToSide(node = this.view.selection[0]): Promise<void> {
    const hit = node && isGroup(node) ? node.hits[0] : node;
    if (hit) {
      this.current = hit;
      await show(hit, { preview: false, viewColumn: vscode.ViewColumn.Beside });
    }
  }

  getChildren(node?: Node): Node[] {
    if (node) {
      return isGroup(node) ? node.hits : [];
    }
    return this.groups() ?? this.found.hits;
  }

  getParent(node: Node): Node | undefined {
    return isGroup(node) ? undefined : this.groups()?.find((group) => group.hits.includes(node));
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return isGroup(node) ? itemOfGroup(node) : this.itemOfHit(node);
  }

  dispose(): void {
    this.subscription.dispose();
    this.view.dispose();
    this.changed.dispose();
  }

  private itemOfHit(hit: Hit): vscode.TreeItem {
    const isRanked = !this.found.groups;
    const rank = isRanked ? `${this.ordered().indexOf(hit) + 1}. ` : '';
    const highlights = isRanked ? highlightsOf(hit.name, this.title) : [];
    const item = new vscode.TreeItem({
      label: `${rank}${hit.name}`,
      highlights: highlights.map(([start, end]): [number, number] => [start + rank.length, end + rank.length]),
    });
    const cluster = this.found.groups?.find((group) => group.hits.includes(hit)); // a place may be in several
    item.id = `${this.title} ${cluster ? `${cluster.id} ` : ''}${keyOf(hit)}`; // another question selects nothing
    item.iconPath = iconOf(hit);
    item.contextValue = 'hit';
    // After the name, which a container would hide in a narrow view. Below its file, it needs no packages.
    const container = this.grouped && isRanked ? hit.container.split('.').at(-1) : hit.container;
    const address = this.grouped && isRanked ? '' : addressOf(hit);
    item.description = [address, container, hit.best.text].filter(Boolean).join('  ');
    item.tooltip = new vscode.MarkdownString()
      .appendText(`${uriOf(hit).fsPath}:${hit.selectionRange.start.line + 1}`)
      .appendText(hit.matched?.length ? `\n\nFound by ${hit.matched.join(', ')}` : '')
      .appendCodeblock(hit.snippet, hit.language);
    // With this command, VS Code leaves the focus in the list after a click, and moves it after Enter and a double click.
    const start = positionOf(hit);
    item.command = {
      command: 'vscode.open',
      title: 'Open',
      arguments: [uriOf(hit), { selection: new vscode.Range(start, start) }],
    };
    return item;
  }

  /** Search again, once, when an answer from an incomplete index can be replaced. The rows keep their identity. */
  private async onProgress(): Promise<void> {
    const isIndexed = !this.server.isReading && embeddedPercent(this.server.folders) === 100;
    if (!this.found.isComplete && isIndexed) {
      this.found.isComplete = true;
      const { search } = this;
      const found = await search().catch(() => undefined); // the status bar shows why
      if (found && search === this.search) {
        this.setFound(found);
      }
    }
  }

  private setFound(found: Found): void {
    this.found = found;
    this.view.message = this.summary();
    void vscode.commands.executeCommand('setContext', 'semls.hasResults', found.hits.length > 0);
    void vscode.commands.executeCommand('setContext', 'semls.grouped', this.grouped);
    void vscode.commands.executeCommand('setContext', 'semls.hasRanks', !found.groups);
    this.changed.fire();
  }

  /** Return the question and the number of hits. */
  private summary(): string {
    const { hits, groups, isStrong, isComplete } = this.found;
    if (!this.title) {
      return '';
    }
    const [number, unit] = groups ? [groups.length, 'cluster'] : [hits.length, 'result'];
    const count = number === 1 ? `1 ${unit}` : `${number} ${unit}s`;
    const notes = [
      ...(this.found.notes ?? []),
      ...(isStrong ? [] : ['no strong match']),
      ...(isComplete ? [] : ['still indexing']),
      ...(this.server.isLexicalOnly ? ['full-text search only'] : []),
    ];
    return [this.title, count, ...notes].join(' · ');
  }

  /** Return the index of a hit, also if the search has been repeated. A hit may be in several clusters. */
  private indexOf(hit: Hit, ordered: Hit[]): number {
    const index = ordered.indexOf(hit);
    return index >= 0 ? index : ordered.findIndex((other) => keyOf(other) === keyOf(hit));
  }

  private ordered(): Hit[] {
    return this.groups()?.flatMap((group) => group.hits) ?? this.found.hits;
  }

  /** Return the clusters of duplicates, or the files in the order of their best hits, or nothing to sort by rank. */
  private groups(): Group[] | undefined {
    return this.found.groups ?? (this.grouped ? groupByFile(this.found.hits) : undefined);
  }
}

function groupByFile(hits: Hit[]): Group[] {
  const files = new Map<string, Hit[]>();
  for (const hit of hits) {
    files.set(hit.uri, [...(files.get(hit.uri) ?? []), hit]);
  }
  return [...files.values()].map((inFile): Group => {
    const [first] = inFile as [Hit];
    const path = addressOf(first).replace(/:\d+$/, '').split('/');
    const label = path.pop() ?? '';
    const description = [...(path.length ? [path.join('/')] : []), inFile.length].join('  ');
    return { id: first.uri, label, description, icon: vscode.ThemeIcon.File, hits: inFile, uri: uriOf(first) };
  });
}

function itemOfGroup(group: Group): vscode.TreeItem {
  const item = new vscode.TreeItem(group.label, vscode.TreeItemCollapsibleState.Expanded);
  item.iconPath = group.icon;
  item.description = group.description;
  item.contextValue = group.uri ? 'file' : 'cluster';
  item.id = group.id;
  if (group.uri) {
    item.resourceUri = group.uri;
    item.tooltip = group.uri.fsPath;
  }
  return item;
}

function isGroup(node: Node): node is Group {
  return 'hits' in node;
}

function isCluster(group: Group): boolean {
  return group.hits.length > 1;
}
