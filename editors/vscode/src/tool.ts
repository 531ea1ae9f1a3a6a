// The search as a tool for agents: they read what a person would see, and nothing leaves by our hand.

import * as vscode from 'vscode';
import { addressOf, nameOf } from './places';
import type { Hit } from './protocol';
import type { Server } from './server';

interface Given {
  query: string;
  limit?: number;
}

export class Tool implements vscode.LanguageModelTool<Given> {
  constructor(private readonly server: Server) {}

  prepareInvocation({ input }: vscode.LanguageModelToolInvocationPrepareOptions<Given>): vscode.PreparedToolInvocation {
    return { invocationMessage: `Searching for "${input.query}"` };
  }

  async invoke(
    { input }: vscode.LanguageModelToolInvocationOptions<Given>,
    token: vscode.CancellationToken,
  ): Promise<vscode.LanguageModelToolResult> {
    const { coverage, hits } = await this.server.ask('semls/search', { query: input.query, limit: input.limit ?? 10 }, token);
    const parts = hits.map((hit) => `${addressOf(hit)} ${hit.kind} ${nameOf(hit)}\n${fenced(hit)}`);
    if (!hits.length) {
      parts.push('Nothing found.');
    }
    if (coverage.embedded < coverage.chunks) {
      parts.push(`The index is not complete: ${coverage.embedded} of ${coverage.chunks} chunks are embedded.`);
    }
    return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(parts.join('\n\n'))]);
  }
}

/** The code in a fence that nothing in it can close. */
function fenced(hit: Hit): string {
  const runs = [...hit.snippet.matchAll(/`+/g)].map(([run]) => run.length + 1);
  const fence = '`'.repeat(Math.max(3, ...runs));
  return `${fence}${hit.language}\n${hit.snippet}\n${fence}`;
}
