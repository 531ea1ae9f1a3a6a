// The search box: a quick pick that searches while the user types and previews the active hit.

import * as vscode from 'vscode';
import { embeddedPercent } from './coverage';
import type { VirtualDocuments } from './documents';
import { showErrors } from './errors';
import type { History } from './history';
import { addressOf, iconOf, keyOf, nameOf, show, summaryOf } from './location';
import { Preview } from './preview';
import type { Answer, Hit } from './protocol';
import type { Results } from './results';
import { Scope } from './scope';
import { isStrong, maxResults, type Server } from './server';

const DEBOUNCE = 120; // milliseconds after the last key until a request is sent
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
  tooltip: 'Send to Results (Alt+Enter)',
};

interface Item extends vscode.QuickPickItem {
  hit?: Hit;
  query?: string; // accepting the item replaces the query with this one
}

export class Search {
  private box: SearchBox | undefined;

  constructor(
    private readonly server: Server,
    private readonly results: Results,
    private readonly history: History,
    private readonly previews: VirtualDocuments,
  ) {}

  /** Open the search box. After Escape, the editor takes the focus, unless `preserveFocus` leaves it in another view. */
  open(preserveFocus: boolean): void {
    this.box = new SearchBox(this.server, this.results, this.history, new Preview(this.previews, preserveFocus));
  }

  sendToResults(): void {
    this.box?.sendToResults();
  }

  openToSide(): void {
    this.box?.openToSide();
  }
}

class SearchBox {
  private readonly pick = vscode.window.createQuickPick<Item>();
  private readonly scope = new Scope();
  private timer: NodeJS.Timeout | undefined;
  private cancellation = new vscode.CancellationTokenSource();
  private answer = { query: '', hits: [] as Hit[], percent: 100 };
  /** The item that is active by default. */
  private firstItem: Item | undefined;
  /** Whether VS Code has reported `firstItem` as active: earlier reports may be those of the former list. */
  private isListed = false;
  private hasNavigated = false;
  private accepted: { hit: Hit; toSide: boolean } | undefined;
  private readonly subscription: vscode.Disposable;

  constructor(
    private readonly server: Server,
    private readonly results: Results,
    private readonly history: History,
    private readonly preview: Preview,
  ) {
    const pick = this.pick;
    pick.placeholder = 'Describe what the code does';
    this.updateTitle(embeddedPercent(server.folders));
    this.updateButtons();
    this.setItems(this.hints());
    // Keep the server's order. VS Code has no public API for this yet (microsoft/vscode#73904).
    (pick as unknown as { sortByLabel: boolean }).sortByLabel = false;
    pick.onDidChangeValue(() => { this.onQuery(); });
    pick.onDidChangeActive(([item]) => { this.onActive(item); });
    pick.onDidAccept(() => { this.accept(pick.activeItems[0]); });
    pick.onDidTriggerItemButton(({ item }) => { this.accept(item, true); });
    pick.onDidTriggerButton((button) => { this.onButton(button); });
    pick.onDidHide(() => { void this.close(); });
    this.subscription = server.onDidChange(() => { this.onProgress(); });
    setIsOpen(true);
    pick.show();
  }

  sendToResults(): void {
    const { query, hits } = this.answer;
    if (hits.length) {
      this.pick.hide();
      void showErrors(() => this.results.showSearch(query, this.scope.filters));
    }
  }

  openToSide(): void {
    this.accept(this.pick.activeItems[0], true);
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
      const params = { query, limit: maxResults(), ...this.scope.filters };
      const answer = await this.server.request('semls/search', params, token);
      if (!token.isCancellationRequested) {
        this.showAnswer(query, answer);
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

  private showAnswer(query: string, answer: Answer): void {
    const { hits } = answer;
    const isSame = query === this.answer.query && hits.map(keyOf).join() === this.answer.hits.map(keyOf).join();
    this.answer = { query, hits, percent: embeddedPercent([answer.coverage]) };
    this.updateTitle(this.answer.percent);
    if (isSame && hits.length && this.firstItem?.hit) {
      return; // the list would flicker
    }
    if (hits.length) {
      this.setItems([...(isStrong(answer) ? [] : [separator('no strong match; the nearest')]), ...hits.map(itemOfHit)]);
    } else {
      this.setItems([this.noResults()]);
    }
  }

  private noResults(): Item {
    if (!this.server.hasFolders) {
      return messageItem('$(info) No results', this.server.noFolders);
    }
    return this.server.isReading
      ? messageItem('$(sync~spin) No results yet', 'semls is reading the files')
      : messageItem('$(info) No results', ['in the open folders', ...this.scope.labels].join(', '));
  }

  private setItems(items: Item[]): void {
    this.firstItem = items.find((item) => item.kind !== vscode.QuickPickItemKind.Separator);
    this.isListed = this.hasNavigated = false;
    this.pick.items = items;
    this.preview.show(this.firstItem?.hit);
  }

  /** Return the items for an empty query: the last questions and the filters. */
  private hints(): Item[] {
    const questions = this.history.questions.map((query): Item => ({
      label: `$(history) ${query}`,
      query,
      alwaysShow: true,
    }));
    const filters = FILTERS.map(([filter, description]): Item => ({
      label: `$(filter) ${filter}`,
      description,
      query: filter,
      alwaysShow: true,
    }));
    return [...(questions.length ? [separator('recent questions')] : []), ...questions, separator('filters'), ...filters];
  }

  /** Search again if the index has progressed: after an empty answer, or when everything is embedded now. */
  private onProgress(): void {
    const { query, hits, percent: percentBefore } = this.answer;
    const percent = embeddedPercent(this.server.folders);
    this.updateTitle(percent);
    const isStale = !hits.length || (percent === 100 && percentBefore < 100);
    if (query && isStale && !this.hasNavigated && this.pick.value === query && !this.pick.busy) {
      void this.search(query);
    }
  }

  /** Preview the active hit. Items have the numbers of their rows, so a late report would name a row of the former list. */
  private onActive(item: Item | undefined): void {
    this.isListed ||= item === this.firstItem;
    if (!item || !this.isListed) {
      return;
    }
    if (item !== this.firstItem && !this.hasNavigated) {
      this.hasNavigated = true;
      if (this.pick.value === this.answer.query) {
        this.cancellation.cancel(); // a newer answer would replace the list while the user navigates in it
        this.pick.busy = false;
      }
    }
    if (item.hit) {
      this.preview.show(item.hit);
    }
  }

  private onButton(button: vscode.QuickInputButton): void {
    if (button === SEND_TO_RESULTS) {
      this.sendToResults();
    } else if (this.scope.toggle(button)) {
      this.updateButtons();
      this.updateTitle(this.answer.percent);
      this.onQuery();
    }
  }

  private accept(item: Item | undefined, toSide = false): void {
    if (item?.query !== undefined) {
      this.pick.value = item.query;
      this.onQuery();
    } else if (item?.hit) {
      this.accepted = { hit: item.hit, toSide };
      this.pick.hide();
    }
  }

  private async close(): Promise<void> {
    setIsOpen(false);
    this.subscription.dispose();
    clearTimeout(this.timer);
    this.cancellation.cancel();
    if (this.answer.hits.length) {
      this.history.add(this.answer.query);
    }
    this.pick.dispose();
    const { accepted, preview } = this;
    if (accepted && !accepted.toSide) {
      await preview.end(() => show(accepted.hit, { preview: false }));
    } else {
      await preview.end(); // a hit that opens to the side leaves this group as it was
      if (accepted) {
        await show(accepted.hit, { preview: false, viewColumn: vscode.ViewColumn.Beside });
      }
    }
  }

  private updateButtons(): void {
    this.pick.buttons = [...this.scope.buttons, SEND_TO_RESULTS];
  }

  private updateTitle(percent: number): void {
    const progress = percent < 100 ? ` (${percent} % embedded)` : '';
    this.pick.title = [`Search Code by Meaning${progress}`, ...this.scope.labels].join(' · ');
  }
}

/** Enable the keys that apply to the search box. */
function setIsOpen(isOpen: boolean): void {
  void vscode.commands.executeCommand('setContext', 'semls.isSearching', isOpen);
}

function itemOfHit(hit: Hit): Item {
  return {
    hit,
    label: `$(${iconOf(hit).id}) ${nameOf(hit)}`,
    description: addressOf(hit),
    detail: summaryOf(hit),
    buttons: [OPEN_TO_SIDE],
    alwaysShow: true, // VS Code would hide items whose label does not contain the query
  };
}

function messageItem(label: string, description = ''): Item {
  return { label, description, alwaysShow: true };
}

function separator(label: string): Item {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
