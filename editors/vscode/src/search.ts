// The quick pick that asks while one types, and shows the place that one is at.

import * as vscode from 'vscode';
import { embeddedOf } from './coverage';
import { addressOf, iconOf, lineOf, nameOf, show } from './places';
import { Preview } from './preview';
import type { Hit } from './protocol';
import type { Results } from './results';
import type { Server } from './server';

const PAUSE = 120; // milliseconds without a key until the server is asked
const LIMIT = 50;
const FILTERS = [
  ['lang:', 'only this language, as in lang:python'],
  ['path:', 'only these files, as in path:src/**/*.ts or -path:tests'],
  ['kind:', 'only this kind, as in kind:class'],
  ['name:', 'only this name, as in name:parse_*'],
] as const;

const ASIDE: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('split-horizontal'), tooltip: 'Open to the Side' };
const KEEP: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('list-tree'), tooltip: 'Send to Results' };

interface Item extends vscode.QuickPickItem {
  hit?: Hit;
  query?: string; // what is typed instead when it is chosen
}

export class Search {
  private last = '';

  constructor(
    private readonly server: Server,
    private readonly results: Results,
  ) {}

  open(): void {
    new Pick(this.server, this.results, this.last, (query) => {
      this.last = query;
    });
  }
}

class Pick {
  private readonly pick = vscode.window.createQuickPick<Item>();
  private readonly preview = new Preview();
  private timer: NodeJS.Timeout | undefined;
  private asking = new vscode.CancellationTokenSource();
  private answered = { query: '', hits: [] as Hit[], share: 100 };
  private untouched: Item | undefined; // what is active because it is the first, and not because somebody went there
  private stays = false;
  private readonly listening: vscode.Disposable;

  constructor(
    private readonly server: Server,
    private readonly results: Results,
    private readonly last: string,
    private readonly remember: (query: string) => void,
  ) {
    const pick = this.pick;
    pick.placeholder = 'Describe the code that you look for';
    pick.title = this.title(embeddedOf(server.folders));
    pick.buttons = [KEEP];
    pick.items = this.hints();
    // The server knows best what comes first. VS Code has no public name for that yet (microsoft/vscode#73904).
    (pick as unknown as { sortByLabel: boolean }).sortByLabel = false;
    pick.onDidChangeValue(() => { this.typed(); });
    pick.onDidChangeActive(([item]) => { this.moved(item); });
    pick.onDidAccept(() => { this.accept(pick.activeItems[0]); });
    pick.onDidTriggerItemButton(({ item }) => { this.accept(item, vscode.ViewColumn.Beside); });
    pick.onDidTriggerButton(() => { this.keep(); });
    pick.onDidHide(() => { void this.close(); });
    this.listening = server.onDidChange(() => { this.progressed(); });
    pick.show();
  }

  private typed(): void {
    clearTimeout(this.timer);
    this.asking.cancel();
    if (!this.pick.value.trim()) {
      this.pick.busy = false;
      this.fill(this.hints());
      return;
    }
    this.timer = setTimeout(() => { void this.search(this.pick.value); }, PAUSE);
  }

  private async search(query: string): Promise<void> {
    const { token } = (this.asking = new vscode.CancellationTokenSource());
    this.pick.busy = true;
    try {
      const answer = await this.server.ask('semls/search', { query, limit: LIMIT }, token);
      if (!token.isCancellationRequested) {
        const share = embeddedOf([answer.coverage]);
        this.answered = { query, hits: answer.hits, share };
        this.pick.title = this.title(share);
        this.fill(answer.hits.length ? answer.hits.map(itemOf) : [this.nothing()]);
      }
    } catch (error) {
      if (!token.isCancellationRequested) {
        this.fill([note(`$(info) ${error instanceof Error ? error.message : String(error)}`)]);
      }
    }
    if (!token.isCancellationRequested) {
      this.pick.busy = false;
    }
  }

  private nothing(): Item {
    if (!vscode.workspace.workspaceFolders?.length) {
      return note('$(info) Nothing found', 'no folder is open');
    }
    return this.server.isReading
      ? note('$(sync~spin) Nothing found yet', 'the files are being read')
      : note('$(info) Nothing found', 'in the open folders');
  }

  private fill(items: Item[]): void {
    this.untouched = items[0];
    this.pick.items = items;
  }

  /** What was asked last, and what a question may hold. */
  private hints(): Item[] {
    const last: Item[] = this.last
      ? [{ label: `$(history) ${this.last}`, description: 'asked last', query: this.last, alwaysShow: true }]
      : [];
    const filters = FILTERS.map(([filter, says]): Item => ({
      label: `$(filter) ${filter}`,
      description: says,
      query: filter,
      alwaysShow: true,
    }));
    return [...last, { label: 'Filters', kind: vscode.QuickPickItemKind.Separator }, ...filters];
  }

  /** Some more is known. An answer of nothing is tried again, and another one when all is embedded. */
  private progressed(): void {
    const { query, hits, share: before } = this.answered;
    const share = embeddedOf(this.server.folders);
    this.pick.title = this.title(share);
    const stale = !hits.length || (share === 100 && before < 100);
    if (query && stale && this.untouched && this.pick.value === query && !this.pick.busy) {
      void this.search(query);
    }
  }

  private title(share: number): string {
    return share < 100 ? `Search by Meaning (${share} % embedded)` : 'Search by Meaning';
  }

  private moved(item: Item | undefined): void {
    if (item?.hit && item !== this.untouched) {
      this.untouched = undefined;
      if (this.pick.value === this.answered.query) {
        this.asking.cancel(); // or a better answer would take the list from under somebody's feet
        this.pick.busy = false;
      }
      this.preview.show(item.hit);
    }
  }

  private accept(item: Item | undefined, column?: vscode.ViewColumn): void {
    if (item?.query !== undefined) {
      this.pick.value = item.query;
      this.typed();
    } else if (item?.hit) {
      this.stays = true;
      this.remember(this.answered.query);
      this.pick.hide();
      void show(item.hit, { preview: false, ...(column && { viewColumn: column }) });
    }
  }

  private keep(): void {
    if (this.answered.hits.length) {
      this.remember(this.answered.query);
      this.pick.hide();
      void this.results.show(this.answered.query, this.answered.hits);
    }
  }

  private async close(): Promise<void> {
    this.listening.dispose();
    clearTimeout(this.timer);
    this.asking.cancel();
    if (this.pick.value.trim()) {
      this.remember(this.pick.value);
    }
    this.pick.dispose();
    await this.preview.end(this.stays);
  }
}

function itemOf(hit: Hit): Item {
  return {
    hit,
    label: `$(${iconOf(hit).id}) ${nameOf(hit)}`,
    description: addressOf(hit),
    detail: [lineOf(hit), hit.matched?.join(', ')].filter(Boolean).join('  ·  '),
    buttons: [ASIDE],
    alwaysShow: true, // although the label does not hold what is typed
  };
}

function note(label: string, description = ''): Item {
  return { label, description, alwaysShow: true };
}
