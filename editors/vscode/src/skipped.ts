// The list of files that are not indexed, or only in part, with the reasons.

import * as vscode from 'vscode';
import type { FolderStatus, SkippedFile } from './protocol';
import type { Server } from './server';

interface FileItem extends vscode.QuickPickItem {
  uri?: vscode.Uri;
}

/** Show the skipped files by reason, and open the selected one. */
export async function showSkippedFiles(server: Server): Promise<void> {
  const folders = await server.folderStatuses();
  const items = folders.flatMap((folder) => folderItems(folder, folders.length > 1));
  if (!items.length) {
    void vscode.window.showInformationMessage('All files of the open folders are indexed.');
    return;
  }
  const selected = await vscode.window.showQuickPick<FileItem>(items, {
    title: 'Skipped Files',
    placeHolder: 'Filter by path or reason',
    matchOnDescription: true,
  });
  if (selected?.uri) {
    const isFolder = selected.uri.path.endsWith('/');
    await vscode.commands.executeCommand(isFolder ? 'revealInExplorer' : 'vscode.open', selected.uri);
  }
}

function folderItems(folder: FolderStatus, isNamed: boolean): FileItem[] {
  const prefix = isNamed ? `${folder.workspace.split(/[\\/]/).at(-1) ?? ''}: ` : '';
  return [
    ...reasonItems(folder, prefix, folder.skipped_files, folder.skipped),
    ...reasonItems(folder, `${prefix}left out in part: `, folder.partial),
    ...reasonItems(folder, `${prefix}split by lines: `, folder.by_lines),
  ];
}

/** Return the files below a separator for each reason. The server lists the first thousand files. */
function reasonItems(
  folder: FolderStatus,
  prefix: string,
  files: SkippedFile[],
  counts: Record<string, number> = {},
): FileItem[] {
  const reasons = new Set([...Object.keys(counts), ...files.map((file) => file.reason)]);
  return [...reasons].flatMap((reason): FileItem[] => {
    const listed = files.filter((file) => file.reason === reason);
    const count = counts[reason] ?? listed.length;
    return [
      { label: `${prefix}${reason} (${count})`, kind: vscode.QuickPickItemKind.Separator },
      ...listed.map(({ path }) => ({
        label: path,
        description: reason,
        uri: vscode.Uri.joinPath(vscode.Uri.file(folder.workspace), path),
      })),
      ...(listed.length < count ? [{ label: '…', description: `${count - listed.length} more, ${reason}` }] : []),
    ];
  });
}
