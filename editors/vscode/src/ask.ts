// The command that asks the user's language model, and shows the answer with links to the code that it cites.

import * as vscode from 'vscode';
import { VirtualDocuments } from './documents';
import type { Citation } from './protocol';
import type { Server } from './server';

/** Shows answers as read-only documents: VS Code's Markdown preview would load images that an answer names. */
export class Answers implements vscode.DocumentLinkProvider, vscode.Disposable {
  private readonly documents = new VirtualDocuments('semls-answer');
  private readonly citations = new Map<string, Citation[]>();
  private readonly subscriptions: { dispose(): unknown }[];
  private count = 0;

  constructor(private readonly server: Server) {
    this.subscriptions = [
      this.documents,
      vscode.languages.registerDocumentLinkProvider({ scheme: this.documents.scheme }, this),
      vscode.workspace.onDidCloseTextDocument((document) => this.citations.delete(document.uri.toString())),
    ];
  }

  async ask(): Promise<void> {
    const question = await vscode.window.showInputBox({
      title: 'Ask a Question',
      prompt: 'The code that answers the question is sent to your language model.',
    });
    if (!question?.trim()) {
      return;
    }
    const result = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: 'semls: asking your language model', cancellable: true },
      async (_, token) =>
        this.server.ask(question, token).catch((error: unknown) => {
          if (!token.isCancellationRequested) {
            void showError(error);
          }
          return undefined;
        }),
    );
    if (result?.answer) {
      await this.show(question, result.answer, result.citations);
    } else if (result) {
      void vscode.window.showInformationMessage('No code in the open folders matches the question.');
    }
  }

  /** Return a link for each verified citation. */
  provideDocumentLinks(document: vscode.TextDocument): vscode.DocumentLink[] {
    const citations = new Map(this.citations.get(document.uri.toString())?.map((one) => [one.text, one]));
    const texts = [...citations.keys()].sort((one, other) => other.length - one.length);
    if (!texts.length) {
      return [];
    }
    const pattern = new RegExp(`(?:${texts.map(escapeRegExp).join('|')})(?![0-9])`, 'g');
    return [...document.getText().matchAll(pattern)].flatMap((match) => {
      const citation = citations.get(match[0]);
      const start = document.positionAt(match.index);
      const range = new vscode.Range(start, document.positionAt(match.index + match[0].length));
      return citation ? [linkTo(citation, range)] : [];
    });
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private async show(question: string, answer: string, citations: Citation[]): Promise<void> {
    const sources = [...new Set(citations.map((citation) => `- ${citation.text} — ${citation.code}`))];
    const parts = [`# ${question}`, answer, ...(sources.length ? [sources.join('\n')] : [])];
    this.count += 1;
    const document = await this.documents.open(`/Answer ${this.count}.md`, `${parts.join('\n\n')}\n`);
    this.citations.set(document.uri.toString(), citations);
    await vscode.window.showTextDocument(document, { preview: false });
  }
}

/** Show an error, with the settings if the configuration of the language model is wrong or missing. */
async function showError(error: unknown): Promise<void> {
  const message = error instanceof Error ? error.message : String(error);
  const actions = message.includes('SEMLS_ASK_') ? ['Open Settings'] : [];
  if (await vscode.window.showErrorMessage(`semls: ${message}`, ...actions)) {
    await vscode.commands.executeCommand('workbench.action.openSettings', 'semls.ask');
  }
}

function linkTo(citation: Citation, range: vscode.Range): vscode.DocumentLink {
  const line = citation.range.start.line + 1;
  const link = new vscode.DocumentLink(range, vscode.Uri.parse(citation.uri).with({ fragment: `L${line}` }));
  link.tooltip = `Open line ${line}`;
  return link;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
