---@brief
---
--- https://github.com/OWNER/semls
---
--- A language server for searching code by meaning: ask `:lua vim.lsp.buf.workspace_symbol('where are expired sessions removed')`.
--- It reads and embeds the code on your machine. Install it with `uv tool install semls` or `pipx install semls`.

---@type vim.lsp.Config
return {
  cmd = { 'semls', 'lsp' },
  root_markers = { '.git' },
  workspace_required = true,
}
