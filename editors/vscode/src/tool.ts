// The language model tool `#semls`, with which agents in VS Code search the index.

import * as vscode from 'vscode';
import type { Server } from './server';

interface Input {
  query: string;
  limit?: number;
}

export class SearchTool implements vscode.LanguageModelTool<Input> {
  constructor(private readonly server: Server) {}

  prepareInvocation({ input }: vscode.LanguageModelToolInvocationPrepareOptions<Input>): vscode.PreparedToolInvocation {
    return { invocationMessage: `Searching for "${input.query}"` };
  }

  /** Return the text that the tool `search` of `semls mcp` returns. */
  async invoke(
    { input }: vscode.LanguageModelToolInvocationOptions<Input>,
    token: vscode.CancellationToken,
  ): Promise<vscode.LanguageModelToolResult> {
    const params = { query: input.query, ...(input.limit !== undefined && { limit: input.limit }) };
    const { text } = await this.server.request('semls/searchText', params, token);
    return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
  }
}
