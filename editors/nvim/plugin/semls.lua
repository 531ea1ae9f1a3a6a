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

local function execute(name)
  return function()
    require('semls.client').execute(name)
  end
end

---@class semls.Command
---@field name string
---@field description string
---@field run fun(call: table, text: string)

---@type semls.Command[] in the order of the menu
local COMMANDS = {
  {
    name = 'search',
    description = 'Search by meaning',
    run = function(call, text)
      local semls = require('semls')
      if call.bang and text ~= '' then
        semls.quickfix(text)
      else
        semls.search(text)
      end
    end,
  },
  {
    name = 'last',
    description = 'Open the last search again',
    run = function()
      require('semls').last()
    end,
  },
  {
    name = 'similar',
    description = 'Find code similar to the code at the cursor',
    run = function(call)
      require('semls').similar(call.range > 0 and call.line1 or nil)
    end,
  },
  {
    name = 'ask',
    description = 'Ask your language model about the code',
    run = function(_, text)
      with_question('Ask: ', text, require('semls').ask)
    end,
  },
  {
    name = 'context',
    description = 'Collect the code that answers a question',
    run = function(_, text)
      with_question('Context for a question: ', text, require('semls').context)
    end,
  },
  {
    name = 'status',
    description = 'Show the state of the index',
    run = function()
      require('semls').status()
    end,
  },
  { name = 'pause', description = 'Pause embedding', run = execute('pause') },
  { name = 'resume', description = 'Resume embedding', run = execute('resume') },
  { name = 'reindex', description = 'Check all files for changes', run = execute('reindex') },
  {
    name = 'restart',
    description = 'Restart the server',
    run = function()
      require('semls.client').restart()
    end,
  },
  {
    name = 'log',
    description = "Open the log of Neovim's LSP client",
    run = function()
      vim.cmd.tabedit(vim.fn.fnameescape(require('vim.lsp.log').get_filename()))
    end,
  },
  { name = 'clear', description = 'Delete the index and rebuild it', run = execute('clear') },
}

local NAMES = vim.tbl_map(function(command)
  return command.name
end, COMMANDS)

local function show_menu(call)
  local function format(command)
    return ('%-8s  %s'):format(command.name, command.description)
  end
  vim.ui.select(COMMANDS, { prompt = 'semls', kind = 'semls', format_item = format }, function(selected)
    if selected then
      selected.run(call, '')
    end
  end)
end

local function run(call)
  local name, text = call.args:match('^(%S*)%s*(.-)%s*$')
  if name == '' then
    return show_menu(call)
  end
  for _, command in ipairs(COMMANDS) do
    if command.name == name then
      return command.run(call, text)
    end
  end
  local message = ('unknown command %q; available: %s'):format(name, table.concat(NAMES, ', '))
  require('semls.client').show_error(message)
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
vim.keymap.set('n', '<Plug>(semls-last)', '<Cmd>Semls last<CR>')
vim.keymap.set('n', '<Plug>(semls-similar)', '<Cmd>Semls similar<CR>')
vim.keymap.set('x', '<Plug>(semls-similar)', ':Semls similar<CR>')
vim.keymap.set('n', '<Plug>(semls-context)', '<Cmd>Semls context<CR>')
vim.keymap.set('n', '<Plug>(semls-ask)', '<Cmd>Semls ask<CR>')
