-- For `vim.lsp.enable('semls')`, from Neovim 0.11 on: the server alone, without `require('semls').setup()`.
return {
  cmd = require('semls.config').cmd,
  -- Without filetypes it is asked for every buffer, also for unnamed ones, which belong to no workspace.
  root_dir = function(buffer, on_dir)
    local client = require('semls.client')
    if client.is_file(buffer) then
      on_dir(client.root(buffer))
    end
  end,
}
