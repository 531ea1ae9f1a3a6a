// Offers `semls mcp` to the agents of VS Code, so that they need no configuration.

import { delimiter } from 'node:path';
import * as vscode from 'vscode';
import { findServer } from './executable';
import { enabledFolders } from './server';

/** The API of MCP servers, which is newer than the oldest supported version of VS Code. */
interface McpApi {
  lm: {
    registerMcpServerDefinitionProvider?: (
      id: string,
      provider: { onDidChangeMcpServerDefinitions: vscode.Event<unknown>; provideMcpServerDefinitions: () => Promise<unknown[]> },
    ) => vscode.Disposable;
  };
  McpStdioServerDefinition: new (
    label: string,
    command: string,
    args: string[],
    env: Record<string, string>,
    version: string,
  ) => unknown;
}

/** Register the MCP server. It searches the folders that are open, and is started by VS Code when an agent needs it. */
export function offerMcpServer(context: vscode.ExtensionContext): vscode.Disposable {
  const { lm, McpStdioServerDefinition } = vscode as unknown as McpApi;
  const { version } = context.extension.packageJSON as { version: string };
  const provideMcpServerDefinitions = async (): Promise<unknown[]> => {
    const program = await findServer(context).catch(() => undefined); // a command shows why the setting is wrong
    const folders = enabledFolders().map(({ uri }) => uri.fsPath);
    const environment = { SEMLS_PATH: folders.join(delimiter) };
    return program && folders.length ? [new McpStdioServerDefinition('semls', program, ['mcp'], environment, version)] : [];
  };
  return (
    lm.registerMcpServerDefinitionProvider?.('semls', {
      onDidChangeMcpServerDefinitions: vscode.workspace.onDidChangeWorkspaceFolders,
      provideMcpServerDefinitions,
    }) ?? vscode.Disposable.from()
  );
}
