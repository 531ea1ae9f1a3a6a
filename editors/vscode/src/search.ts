// The search box: a quick pick that searches while the user types and previews the active hit.

import * as vscode from 'vscode';
import { embeddedPercent } from './coverage';
import type { VirtualDocuments } from './documents';
import { showErrors, splitMessage } from './errors';
import type { History } from './history';
import { addressOf, iconOf, keyOf, nameOf, show } from './location';
import { Preview } from './preview';
import type { Answer, CodeLocation, Hit } from './protocol';
import type { Results } from './results';
import { Scope } from './scope';
import { isStrong, maxResults, type Server } from './server';

const DEBOUNCE = 120; // milliseconds after the last key until a request is sent
const REFRESH = 2000; // milliseconds between two answers to the same query while the code is being embedded
const ROW = 60; // characters of a name and its place that fit into a row, in a window that is 800 pixels wide
const MIN_NAME = 30;
const MIN_PLACE = 24;
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

  /** Open an empty search box, also in place of one that is still open or restoring the editor. */
  async open(): Promise<void> {
    if (this.box?.isAccepted) {
      await this.box.closed; // the hit takes the focus when it is shown
    }
    this.box?.remember();
    const preview = new Preview(this.previews, this.box?.closed);
    const box = new SearchBox(this.server, this.results, this.history, preview);
    this.box = box;
    await box.closed;
    if (this.box === box) {
      this.box = undefined;
    }
  }

  async dismiss(): Promise<void> {
    await this.box?.dismiss();
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
  private answer = { query: '', hits: [] as Hit[], percent: 100, time: 0 };
  /** The item that is active by default. */
  private firstItem: Item | undefined;
  /** Whether VS Code has reported `firstItem` as active: earlier reports may be those of the former list. */
  private isListed = false;
  private hasNavigated = false;
  /** Whether the items belong to an earlier query than that in the box. */
  private isStale = false;
  /** How to open the first hit of the next answer: the user has pressed Enter before it has arrived. */
  private awaited: { toSide: boolean } | undefined;
  private accepted: { location: CodeLocation; toSide: boolean } | undefined;
  private readonly subscriptions: vscode.Disposable;
  /** Resolved when the editor shows what it should. */
  readonly closed: Promise<void>;

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
    this.closed = new Promise((resolve) => {
      pick.onDidHide(() => { resolve(this.close()); });
    });
    this.subscriptions = vscode.Disposable.from(
      server.onDidChange(() => { this.onProgress(); }),
      vscode.window.onDidChangeTextEditorSelection((change) => { this.onSelection(change); }),
    );
    setIsOpen(true);
    pick.show();
  }

  /** Add the question to the recent ones, if it has hits. */
  remember(): void {
    if (this.answer.hits.length) {
      this.history.add(this.pick.value || this.answer.query); // the last answer may be that of a part of it
    }
  }

  /**
   * Restore the editor, then hide the box.
   *
   * In this order VS Code can give the focus back to where it was. Otherwise the editor that had it would be hidden behind
   * the preview, and giving the focus back later would take it from what the user has opened by then.
   */
  async dismiss(): Promise<void> {
    await showErrors(() => this.preview.end());
    this.pick.hide();
  }

  get isAccepted(): boolean {
    return this.accepted !== undefined;
  }

  sendToResults(): void {
    const query = this.pick.value.trim() || this.answer.query;
    if (query) {
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
    if (!this.answer.query) {
      this.setItems([]); // instead of the hints
    }
    this.isStale = true;
    this.hasNavigated = false;
    this.awaited = undefined;
    this.timer = setTimeout(() => { void this.search(this.pick.value); }, DEBOUNCE);
  }

  private async search(query: string): Promise<void> {
    clearTimeout(this.timer);
    this.cancellation.cancel();
    const { token } = (this.cancellation = new vscode.CancellationTokenSource());
    this.pick.busy = true;
    try {
      const params = { query, limit: maxResults(), ...this.scope.filters };
      const answer = await this.server.request('semls/search', params, token);
      if (!token.isCancellationRequested) {
        this.showAnswer(query, answer);
        if (this.awaited && this.firstItem?.hit) {
          this.accept(this.firstItem, this.awaited.toSide);
        }
      }
    } catch (error) {
      if (!token.isCancellationRequested) {
        const { summary, rest } = splitMessage(error instanceof Error ? error.message : String(error));
        this.setItems([messageItem(`$(info) ${summary}`, '', rest)]);
      }
    }
    if (!token.isCancellationRequested) {
      this.pick.busy = false;
    }
  }

  private showAnswer(query: string, answer: Answer): void {
    const { hits } = answer;
    const isSame = query === this.answer.query && hits.map(keyOf).join() === this.answer.hits.map(keyOf).join();
    this.answer = { query, hits, percent: embeddedPercent([answer.coverage]), time: Date.now() };
    this.updateTitle(this.answer.percent);
    if (isSame && hits.length && this.firstItem?.hit) {
      this.isStale = false;
      return; // the list would flicker
    }
    if (hits.length) {
      this.setItems([...(isStrong(answer) ? [] : [separator('No strong match; nearest:')]), ...hits.map(itemOfHit)]);
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
    this.isListed = this.hasNavigated = this.isStale = false;
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

  /** Search again if the index has progressed: what an answer has found is embedded at once, and ranked better then. */
  private onProgress(): void {
    const { query, hits, percent: percentBefore, time } = this.answer;
    const percent = embeddedPercent(this.server.folders);
    this.updateTitle(percent);
    const isDue = percent === 100 || Date.now() - time >= REFRESH;
    const isStale = !hits.length || (percentBefore < 100 && isDue);
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

  /** Open the file where the user has clicked in its preview. The click has taken the focus, so VS Code hides the box. */
  private onSelection(change: vscode.TextEditorSelectionChangeEvent): void {
    const location = this.preview.clickedLocation(change);
    if (location) {
      this.accepted ??= { location, toSide: false };
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

  /** Open a hit or take over a query. If the list is that of an earlier query, search at once, and open its first hit. */
  private accept(item: Item | undefined, toSide = false): void {
    if (this.isStale && !this.hasNavigated) {
      this.awaited = this.answer.hits.length ? { toSide } : undefined; // nothing was listed that could be opened
      void this.search(this.pick.value);
    } else if (item?.query !== undefined) {
      this.pick.value = item.query;
      this.onQuery();
    } else if (item?.hit) {
      this.accepted = { location: item.hit, toSide };
      this.pick.hide();
    }
  }

  private async close(): Promise<void> {
    setIsOpen(false);
    this.subscriptions.dispose();
    clearTimeout(this.timer);
    this.cancellation.cancel();
    this.remember();
    this.pick.dispose();
    await showErrors(() => this.showAccepted());
  }

  /** Show the accepted hit, or else what the editor showed before. */
  private async showAccepted(): Promise<void> {
    const { accepted, preview } = this;
    if (accepted && !accepted.toSide) {
      await preview.stop();
      await show(accepted.location, { preview: false });
      await preview.close();
      return;
    }
    await preview.end();
    if (accepted) {
      await show(accepted.location, { preview: false, viewColumn: vscode.ViewColumn.Beside });
    }
  }

  private updateButtons(): void {
    this.pick.buttons = [...this.scope.buttons, SEND_TO_RESULTS];
  }

  private updateTitle(percent: number): void {
    const { isLexicalOnly } = this.server;
    const progress = isLexicalOnly ? ' (full-text search only)' : percent < 100 ? ` (${percent} % embedded)` : '';
    this.pick.title = [`Search Code by Meaning${progress}`, ...this.scope.labels].join(' · ');
  }
}

/** Enable the keys that apply to the search box. */
function setIsOpen(isOpen: boolean): void {
  void vscode.commands.executeCommand('setContext', 'semls.isSearching', isOpen);
}

function itemOfHit(hit: Hit): Item {
  const name = cutName(hit);
  return {
    hit,
    label: `$(${iconOf(hit).id}) ${name}`,
    description: fittingAddress(hit, ROW - name.length),
    detail: hit.best.text,
    buttons: [OPEN_TO_SIDE],
    alwaysShow: true, // VS Code would hide items whose label does not contain the query
  };
}

/**
 * Return the name of a hit, cut if there would be no room for its place, which VS Code would hide. Of the container, the
 * last part remains, or its beginning, before anything of the name is cut.
 */
function cutName(hit: Hit): string {
  const room = Math.max(MIN_NAME, ROW - addressOf(hit).length);
  const last = hit.container.split('.').at(-1) ?? '';
  const beginning = last.slice(0, Math.max(0, room - hit.name.length - 2));
  const containers = [hit.container, last, ...(beginning.length > 2 ? [`${beginning}…`] : [])];
  const container = containers.find((part) => part.length + 1 + hit.name.length <= room) ?? '';
  const name = nameOf({ ...hit, container });
  return name.length > room ? `${name.slice(0, room - 1)}…` : name;
}

/** Return the place of a hit without the first folders if there is no room for them. */
function fittingAddress(hit: Hit, room: number): string {
  const parts = addressOf(hit).split('/');
  const length = Math.max(MIN_PLACE, room);
  const first = parts.findIndex((_, start) => parts.slice(start).join('/').length + (start ? 2 : 0) <= length);
  const shown = first < 0 ? parts.length - 1 : first;
  return [...(shown ? ['…'] : []), ...parts.slice(shown)].join('/');
}

function messageItem(label: string, description = '', detail = ''): Item {
  return { label, description, ...(detail && { detail }), alwaysShow: true };
}

function separator(label: string): Item {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
