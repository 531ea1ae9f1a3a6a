--- :checkhealth semls

local client = require('semls.client')
local config = require('semls.config')

local M = {}

function M.check()
  vim.health.start('semls')
  if vim.fn.has('nvim-0.10') == 1 then
    vim.health.ok('Neovim is 0.10 or later')
  else
    vim.health.error('Neovim is older than 0.10', 'Install Neovim 0.10 or later.')
  end
  vim.health.info(('`:Semls search` uses the picker %s'):format(require('semls.pickers').name()))
  local program = config.cmd[1]
  if vim.fn.executable(program) == 0 then
    vim.health.error(('Program %s not found'):format(program), 'Install semls, or set `cmd` in `setup`.')
    return
  end
  vim.health.ok(('%s: %s'):format(program, vim.trim(vim.fn.system({ program, '--version' }))))
  local clients = client.all()
  if #clients == 0 then
    vim.health.info('No server is running. It starts with the first file or search.')
  end
  for _, running in ipairs(clients) do
    vim.health.ok(('Server is running for %s'):format(running.root_dir))
  end
  for _, state in pairs(client.states) do
    local counts = ('%d of %d chunks embedded'):format(state.embedded, state.chunks)
    vim.health.info(('%s: %s, %s'):format(state.workspace, state.phase, counts))
    if state.error ~= '' then
      vim.health.error(state.error)
    elseif state.notice ~= '' then
      vim.health.warn(state.notice)
    end
  end
end

return M
