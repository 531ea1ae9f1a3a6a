-- Defines :Semls and the mappings. The rest of the plugin is loaded when they are used.

--- Call a function with a question, which the user is asked for if it is empty.
---@param prompt string
---@param text string
---@param callback fun(question: string)
local function with_question(prompt, text, callback)
  if text ~= '' then
    return callback(text)
  end
  vim.ui.input({ prompt = prompt }, function(input)
    if input and input ~= '' then
      callback(input)
    end
  end)
end

local COMMANDS = {
  search = function(call, text)
    local semls = require('semls')
    if call.bang and text ~= '' then
      semls.quickfix(text)
    else
      semls.search(text)
    end
  end,
  similar = function(call)
    require('semls').similar(call.range > 0 and call.line1 or nil)
  end,
  context = function(_, text)
    with_question('Context for a question: ', text, require('semls').context)
  end,
  ask = function(_, text)
    with_question('Ask: ', text, require('semls').ask)
  end,
  status = function()
    require('semls').status()
  end,
  log = function()
    vim.cmd.tabedit(vim.fn.fnameescape(require('vim.lsp.log').get_filename()))
  end,
  restart = function()
    require('semls.client').restart()
  end,
}
for _, name in ipairs({ 'pause', 'resume', 'reindex', 'clear' }) do
  COMMANDS[name] = function()
    require('semls.client').execute(name)
  end
end

local NAMES = vim.tbl_keys(COMMANDS)
table.sort(NAMES)

local function run(call)
  local name, text = call.args:match('^(%S*)%s*(.-)%s*$')
  if name == '' then
    return vim.ui.select(NAMES, { prompt = 'semls' }, function(selected)
      if selected then
        COMMANDS[selected](call, '')
      end
    end)
  end
  if not COMMANDS[name] then
    local message = ('unknown command %q; available: %s'):format(name, table.concat(NAMES, ', '))
    return require('semls.client').show_error(message)
  end
  COMMANDS[name](call, text)
end

vim.api.nvim_create_user_command('Semls', run, {
  nargs = '*',
  bang = true,
  range = true,
  desc = 'Search code by meaning',
  complete = function(prefix, line)
    if line:match('^%S*Semls!?%s+%S*$') then
      return vim.tbl_filter(function(name)
        return vim.startswith(name, prefix)
      end, NAMES)
    end
    return {}
  end,
})

vim.keymap.set('n', '<Plug>(semls-search)', '<Cmd>Semls search<CR>')
vim.keymap.set('n', '<Plug>(semls-similar)', '<Cmd>Semls similar<CR>')
vim.keymap.set('x', '<Plug>(semls-similar)', ':Semls similar<CR>')
vim.keymap.set('n', '<Plug>(semls-context)', '<Cmd>Semls context<CR>')
vim.keymap.set('n', '<Plug>(semls-ask)', '<Cmd>Semls ask<CR>')
