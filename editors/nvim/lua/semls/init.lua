--- Search code by meaning: `:help semls`.

local client = require('semls.client')
local config = require('semls.config')
local items = require('semls.items')

local M = {}

--- Set the options and, unless `auto` is false, start the server for every file that is opened.
---@param options? semls.Options
function M.setup(options)
  config.set(options)
  if package.loaded.snacks then
    require('semls.pickers.snacks').register()
  end
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

--- Search while typing, in the user's picker.
---@param query? string
function M.search(query)
  require('semls.pickers').open(query or '')
end

--- Open the last search again.
function M.last()
  require('semls.pickers').reopen()
end

--- Fill the quickfix list with the hits for a query, grouped by file.
---@param query string
function M.quickfix(query)
  client.request({
    method = 'semls/search',
    params = { query = query, limit = config.limit, group = 'file', wait = true },
    on_result = function(answer, sender)
      local title = require('semls.pickers').is_weak(answer) and 'No strong match; nearest: ' .. query or query
      items.quickfix(title, items.of(answer.hits, sender))
    end,
  })
end

--- Fill the quickfix list with code similar to the code at a line (from 1) or at the cursor, and its exact duplicates.
---@param line? integer
function M.similar(line)
  local buffer = vim.api.nvim_get_current_buf()
  if not client.is_file(buffer) then
    return client.show_error('the current buffer has no file')
  end
  local row = (line or vim.api.nvim_win_get_cursor(0)[1]) - 1
  client.request({
    method = 'semls/similar',
    params = { uri = vim.uri_from_bufnr(buffer), position = { line = row, character = 0 }, limit = config.limit },
    on_result = function(answer, sender)
      local hits = vim.list_extend(vim.list_extend({}, answer.copies), answer.hits)
      items.quickfix('Similar to ' .. answer.name, items.of(hits, sender))
    end,
  })
end

--- Show Markdown in a new buffer.
---@param markdown string
local function show(markdown)
  vim.cmd.new()
  vim.bo.buftype, vim.bo.bufhidden, vim.bo.filetype = 'nofile', 'wipe', 'markdown'
  vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(markdown, '\n'))
end

--- Show the code that answers a question as Markdown, for a language model, in a new buffer.
---@param query string
function M.context(query)
  client.request({
    method = 'semls/context',
    params = { query = query },
    on_result = function(answer)
      show(answer.markdown)
    end,
  })
end

--- Show the answer of the user's language model in a new buffer, and fill the quickfix list with what it cites.
---@param query string
function M.ask(query)
  client.request({
    method = 'workspace/executeCommand',
    params = { command = 'semls.ask', arguments = { { query = query } } },
    on_result = function(result)
      if result.answer == '' then
        return vim.notify('semls: no code matches the question')
      end
      items.cited(query, result.citations)
      show(result.answer)
    end,
  })
end

local function show_state(folder)
  local model = folder.model ~= '' and ('%s on %s'):format(folder.model, folder.device) or 'full-text search only'
  local counts = ('%d files, %d of %d chunks embedded'):format(folder.files, folder.embedded, folder.chunks)
  local text = ('%s: %s, %s, %s'):format(folder.workspace, folder.phase, counts, model)
  local problem = folder.error ~= '' and folder.error or folder.notice
  vim.notify(problem ~= '' and text .. '\n' .. problem or text)
end

--- Show the state of the index.
function M.status()
  client.request({
    method = 'semls/status',
    params = vim.empty_dict(),
    on_result = function(answer)
      vim.tbl_map(show_state, answer.folders)
    end,
  })
end

--- Return a text for the status line: "semls 42 %%" while embedding, then "semls", and "" without a server. It says if
--- there is no model, or an error.
---@return string
function M.statusline()
  local chunks, embedded = 0, 0
  for _, state in pairs(client.states) do
    if state.error ~= '' then
      return 'semls (error)'
    elseif client.is_lexical_only(state) then
      return 'semls (no model)'
    end
    chunks, embedded = chunks + state.chunks, embedded + state.embedded
  end
  if next(client.states) == nil then
    return ''
  end
  return embedded < chunks and ('semls %d %%%%'):format(100 * embedded / chunks) or 'semls'
end

return M
