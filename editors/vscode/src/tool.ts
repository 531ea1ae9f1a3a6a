// The language model tool `#semls`, with which agents in VS Code search the index.

import * as vscode from 'vscode';
import { addressOf, nameOf } from './location';
import type { Hit } from './protocol';
import type { Server } from './server';

const MIN_CONFIDENCE = 0.2; // of an answer with a strong match

interface Input {
  query: string;
  limit?: number;
}

export class SearchTool implements vscode.LanguageModelTool<Input> {
  constructor(private readonly server: Server) {}

  prepareInvocation({ input }: vscode.LanguageModelToolInvocationPrepareOptions<Input>): vscode.PreparedToolInvocation {
    return { invocationMessage: `Searching for "${input.query}"` };
  }

  async invoke(
    { input }: vscode.LanguageModelToolInvocationOptions<Input>,
    token: vscode.CancellationToken,
  ): Promise<vscode.LanguageModelToolResult> {
    const params = { query: input.query, limit: input.limit ?? 10 };
    const { confidence, coverage, hits } = await this.server.request('semls/search', params, token);
    const parts = hits.map((hit) => `${addressOf(hit)} ${hit.kind} ${nameOf(hit)}\n${fenced(hit)}`);
    if (!hits.length) {
      parts.push('No results.');
    } else if (confidence < MIN_CONFIDENCE) {
      parts.unshift('No strong match. These are the nearest:');
    }
    if (coverage.embedded < coverage.chunks) {
      parts.push(`The index is incomplete: ${coverage.embedded} of ${coverage.chunks} chunks are embedded.`);
    }
    return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(parts.join('\n\n'))]);
  }
}

/** Return the snippet in a code fence that is longer than any run of backticks in it. */
function fenced(hit: Hit): string {
  const lengths = [...hit.snippet.matchAll(/`+/g)].map(([run]) => run.length + 1);
  const fence = '`'.repeat(Math.max(3, ...lengths));
  return `${fence}${hit.language}\n${hit.snippet}\n${fence}`;
}
