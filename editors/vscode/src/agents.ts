// Offers `semls mcp` to the agents of VS Code, so that they need no configuration.

import { delimiter } from 'node:path';
import * as vscode from 'vscode';
import { findServer } from './executable';
import { enabledFolders, type Server } from './server';

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
export function offerMcpServer(context: vscode.ExtensionContext, server: Server): vscode.Disposable {
  const { lm, McpStdioServerDefinition } = vscode as unknown as McpApi;
  if (!lm.registerMcpServerDefinitionProvider) {
    return vscode.Disposable.from();
  }
  const { version } = context.extension.packageJSON as { version: string };
  const searchedPaths = (): string => enabledFolders().map(({ uri }) => uri.fsPath).join(delimiter);
  const provideMcpServerDefinitions = async (): Promise<unknown[]> => {
    const program = await findServer(context).catch(() => undefined); // a command shows why the setting is wrong
    const paths = searchedPaths();
    return program && paths ? [new McpStdioServerDefinition('semls', program, ['mcp'], { SEMLS_PATH: paths }, version)] : [];
  };
  const changed = new vscode.EventEmitter<void>();
  const state = (): string => `${String(server.isInstalled)} ${searchedPaths()}`;
  let lastState = state();
  const subscription = server.onDidChange(() => {
    if (state() !== lastState) {
      lastState = state();
      changed.fire();
    }
  });
  const provider = { onDidChangeMcpServerDefinitions: changed.event, provideMcpServerDefinitions };
  return vscode.Disposable.from(changed, subscription, lm.registerMcpServerDefinitionProvider('semls', provider));
}
