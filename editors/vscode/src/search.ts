// The search box: a quick pick that searches while the user types and previews the active hit.

import * as vscode from 'vscode';
import { embeddedPercent } from './coverage';
import { showErrors } from './errors';
import { addressOf, iconOf, lineOf, nameOf, show } from './location';
import { Preview } from './preview';
import type { Hit } from './protocol';
import type { Results } from './results';
import type { Server } from './server';

const DEBOUNCE = 120; // milliseconds after the last key until a request is sent
const LIMIT = 50;
const FILTERS = [
  ['lang:', 'only this language, such as lang:python'],
  ['path:', 'only these files, such as path:src/**/*.ts or -path:tests'],
  ['kind:', 'only this kind of definition, such as kind:class'],
  ['name:', 'only this name, such as name:parse_*'],
] as const;

const OPEN_TO_SIDE: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon('split-horizontal'),
  tooltip: 'Open to the Side',
};
const SEND_TO_RESULTS: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon('list-tree'),
  tooltip: 'Send to Results',
};

interface Item extends vscode.QuickPickItem {
  hit?: Hit;
  query?: string; // accepting the item replaces the query with this one
}

export class Search {
  private lastQuery = '';

  constructor(
    private readonly server: Server,
    private readonly results: Results,
  ) {}

  open(): void {
    new SearchBox(this.server, this.results, this.lastQuery, (query) => {
      this.lastQuery = query;
    });
  }
}

class SearchBox {
  private readonly pick = vscode.window.createQuickPick<Item>();
  private readonly preview = new Preview();
  private timer: NodeJS.Timeout | undefined;
  private cancellation = new vscode.CancellationTokenSource();
  private answer = { query: '', hits: [] as Hit[], percent: 100 };
  /** The first item, while it is active by default and the user has not selected any other. */
  private defaultItem: Item | undefined;
  private accepted: { hit: Hit; toSide: boolean } | undefined;
  private readonly subscription: vscode.Disposable;

  constructor(
    private readonly server: Server,
    private readonly results: Results,
    private readonly lastQuery: string,
    private readonly remember: (query: string) => void,
  ) {
    const pick = this.pick;
    pick.placeholder = 'Describe what the code does';
    pick.title = title(embeddedPercent(server.folders));
    pick.buttons = [SEND_TO_RESULTS];
    pick.items = this.hints();
    // Keep the server's order. VS Code has no public API for this yet (microsoft/vscode#73904).
    (pick as unknown as { sortByLabel: boolean }).sortByLabel = false;
    pick.onDidChangeValue(() => { this.onQuery(); });
    pick.onDidChangeActive(([item]) => { this.onActive(item); });
    pick.onDidAccept(() => { this.accept(pick.activeItems[0]); });
    pick.onDidTriggerItemButton(({ item }) => { this.accept(item, true); });
    pick.onDidTriggerButton(() => { this.sendToResults(); });
    pick.onDidHide(() => { void this.close(); });
    this.subscription = server.onDidChange(() => { this.onProgress(); });
    pick.show();
  }

  private onQuery(): void {
    clearTimeout(this.timer);
    this.cancellation.cancel();
    if (!this.pick.value.trim()) {
      this.pick.busy = false;
      this.setItems(this.hints());
      return;
    }
    this.timer = setTimeout(() => { void this.search(this.pick.value); }, DEBOUNCE);
  }

  private async search(query: string): Promise<void> {
    const { token } = (this.cancellation = new vscode.CancellationTokenSource());
    this.pick.busy = true;
    try {
      const { coverage, hits } = await this.server.request('semls/search', { query, limit: LIMIT }, token);
      if (!token.isCancellationRequested) {
        const percent = embeddedPercent([coverage]);
        this.answer = { query, hits, percent };
        this.pick.title = title(percent);
        this.setItems(hits.length ? hits.map(itemOfHit) : [this.noResults()]);
      }
    } catch (error) {
      if (!token.isCancellationRequested) {
        this.setItems([messageItem(`$(info) ${error instanceof Error ? error.message : String(error)}`)]);
      }
    }
    if (!token.isCancellationRequested) {
      this.pick.busy = false;
    }
  }

  private noResults(): Item {
    if (!vscode.workspace.workspaceFolders?.length) {
      return messageItem('$(info) No results', 'no folder is open');
    }
    return this.server.isReading
      ? messageItem('$(sync~spin) No results yet', 'semls is reading the files')
      : messageItem('$(info) No results', 'in the open folders');
  }

  private setItems(items: Item[]): void {
    this.defaultItem = items[0];
    this.pick.items = items;
  }

  /** Return the items for an empty query: the last query and the filters. */
  private hints(): Item[] {
    const history: Item[] = this.lastQuery
      ? [{ label: `$(history) ${this.lastQuery}`, description: 'last query', query: this.lastQuery, alwaysShow: true }]
      : [];
    const filters = FILTERS.map(([filter, description]): Item => ({
      label: `$(filter) ${filter}`,
      description,
      query: filter,
      alwaysShow: true,
    }));
    return [...history, { label: 'Filters', kind: vscode.QuickPickItemKind.Separator }, ...filters];
  }

  /** Search again if the index has progressed: after an empty answer, or when everything is embedded now. */
  private onProgress(): void {
    const { query, hits, percent: percentBefore } = this.answer;
    const percent = embeddedPercent(this.server.folders);
    this.pick.title = title(percent);
    const isStale = !hits.length || (percent === 100 && percentBefore < 100);
    if (query && isStale && this.defaultItem && this.pick.value === query && !this.pick.busy) {
      void this.search(query);
    }
  }

  private onActive(item: Item | undefined): void {
    if (item?.hit && item !== this.defaultItem) {
      this.defaultItem = undefined;
      if (this.pick.value === this.answer.query) {
        this.cancellation.cancel(); // a newer answer would replace the list while the user navigates in it
        this.pick.busy = false;
      }
      this.preview.show(item.hit);
    }
  }

  private accept(item: Item | undefined, toSide = false): void {
    if (item?.query !== undefined) {
      this.pick.value = item.query;
      this.onQuery();
    } else if (item?.hit) {
      this.accepted = { hit: item.hit, toSide };
      this.remember(this.answer.query);
      this.pick.hide();
    }
  }

  private sendToResults(): void {
    if (this.answer.hits.length) {
      this.remember(this.answer.query);
      this.pick.hide();
      void showErrors(() => this.results.showSearch(this.answer.query));
    }
  }

  private async close(): Promise<void> {
    this.subscription.dispose();
    clearTimeout(this.timer);
    this.cancellation.cancel();
    if (this.pick.value.trim()) {
      this.remember(this.pick.value);
    }
    this.pick.dispose();
    // A hit that opens to the side leaves this group as it was.
    await this.preview.end(this.accepted?.toSide === false);
    if (this.accepted) {
      const { hit, toSide } = this.accepted;
      await show(hit, { preview: false, ...(toSide && { viewColumn: vscode.ViewColumn.Beside }) });
    }
  }
}

function title(percent: number): string {
  return percent < 100 ? `Search Code by Meaning (${percent} % embedded)` : 'Search Code by Meaning';
}

function itemOfHit(hit: Hit): Item {
  return {
    hit,
    label: `$(${iconOf(hit).id}) ${nameOf(hit)}`,
    description: addressOf(hit),
    detail: [lineOf(hit), hit.matched?.join(', ')].filter(Boolean).join('  ·  '),
    buttons: [OPEN_TO_SIDE],
    alwaysShow: true, // VS Code would hide items whose label does not contain the query
  };
}

function messageItem(label: string, description = ''): Item {
  return { label, description, alwaysShow: true };
}
