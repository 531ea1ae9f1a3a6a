--- Search code by meaning: `:help semls`.

local client = require('semls.client')
local config = require('semls.config')
local items = require('semls.items')

local M = {}

--- Take up options and, unless `auto` is off, serve every file that is opened.
---@param options? semls.Options
function M.setup(options)
  config.set(options)
  local group = vim.api.nvim_create_augroup('semls', { clear = true })
  if config.auto then
    vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile' }, {
      group = group,
      callback = function(event)
        client.attach(event.buf)
      end,
    })
    for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
      if vim.api.nvim_buf_is_loaded(buffer) then
        client.attach(buffer)
      end
    end
  end
end

--- Search in the user's picker, which asks while one types.
---@param query? string
function M.search(query)
  require('semls.pickers').open(query or '')
end

--- Put what a question finds into the quickfix list.
---@param query string
function M.quickfix(query)
  client.ask({
    method = 'semls/search',
    params = { query = query, limit = config.limit },
    answered = function(answer, asked)
      items.quickfix(query, items.of(answer.hits, asked))
    end,
  })
end

--- Put what is like the code at a row (from 1), or at the cursor, into the quickfix list.
---@param row? integer
function M.similar(row)
  local buffer = vim.api.nvim_get_current_buf()
  if not client.is_file(buffer) then
    return client.say('put the cursor into the code to compare with, in a file')
  end
  local line = (row or vim.api.nvim_win_get_cursor(0)[1]) - 1
  client.ask({
    method = 'semls/similar',
    params = { uri = vim.uri_from_bufnr(buffer), position = { line = line, character = 0 }, limit = config.limit },
    answered = function(answer, asked)
      local hits = vim.list_extend(vim.list_extend({}, answer.copies), answer.hits)
      items.quickfix('Like ' .. answer.name, items.of(hits, asked))
    end,
  })
end

--- Show the code that answers a question, for a language model to read, in a new buffer.
---@param query string
function M.context(query)
  client.ask({
    method = 'semls/context',
    params = { query = query },
    answered = function(answer)
      vim.cmd.new()
      vim.bo.buftype, vim.bo.bufhidden, vim.bo.filetype = 'nofile', 'wipe', 'markdown'
      vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(answer.markdown, '\n'))
    end,
  })
end

local function tell(folder)
  local model = folder.model ~= '' and ('%s on %s'):format(folder.model, folder.device) or 'words alone'
  local counts = ('%d files, %d of %d chunks embedded'):format(folder.files, folder.embedded, folder.chunks)
  vim.notify(('%s: %s, %s, %s'):format(folder.workspace, folder.phase, counts, model))
end

--- Tell the state of the index.
function M.status()
  client.ask({
    method = 'semls/status',
    params = vim.empty_dict(),
    answered = function(answer)
      vim.tbl_map(tell, answer.folders)
    end,
  })
end

--- For a status line: "semls 42 %", "semls" when all is embedded, and nothing without a server.
---@return string
function M.statusline()
  local chunks, embedded = 0, 0
  for _, state in pairs(client.states) do
    chunks, embedded = chunks + state.chunks, embedded + state.embedded
  end
  if next(client.states) == nil then
    return ''
  end
  return embedded < chunks and ('semls %d %%%%'):format(100 * embedded / chunks) or 'semls'
end

return M
