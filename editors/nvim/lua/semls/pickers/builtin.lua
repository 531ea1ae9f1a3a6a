--- The built-in picker: floating windows with a prompt, the items, and a preview of the current item.

local items = require('semls.items')

local M = {}

local DEBOUNCE = 120 -- milliseconds after the last key until a request is sent
local NS = vim.api.nvim_create_namespace('semls.picker')

---@class semls.Picker
---@field prompt integer buffer
---@field list integer buffer
---@field preview integer buffer
---@field windows table<string, integer> by the name of the buffer's field
---@field items semls.Item[]
---@field current integer
---@field send fun(query: string, on_items: fun(items: semls.Item[], coverage?: table), on_error?: fun(message: string))
---@field timer uv.uv_timer_t
---@field closed boolean
local Picker = {}
Picker.__index = Picker

---@param coverage? { chunks: integer, embedded: integer }
---@return string
local function title(coverage)
  if not coverage or coverage.embedded >= coverage.chunks then
    return ' Search by meaning '
  end
  return (' Search by meaning (%d %% embedded) '):format(100 * coverage.embedded / coverage.chunks)
end

---@return boolean
function M.is_available()
  return true
end

---@param query string
function M.open(query)
  local picker = setmetatable({ items = {}, current = 1, closed = false }, Picker)
  picker.send = require('semls.pickers').live_search()
  picker.timer = assert(vim.uv.new_timer())
  picker:layout()
  picker:map_keys()
  vim.api.nvim_buf_attach(picker.prompt, false, {
    on_lines = function()
      picker:on_change()
    end,
  })
  vim.api.nvim_buf_set_lines(picker.prompt, 0, -1, false, { query })
  vim.cmd('startinsert!')
end

function Picker:layout()
  local width, height = math.floor(vim.o.columns * 0.9), math.floor(vim.o.lines * 0.8)
  local row, column = math.floor((vim.o.lines - height) / 2), math.floor((vim.o.columns - width) / 2)
  local half = math.floor(width / 2)
  local function open_window(name, enter, position)
    local buffer = vim.api.nvim_create_buf(false, true)
    vim.bo[buffer].bufhidden = 'wipe'
    local options = vim.tbl_extend('force', { relative = 'editor', style = 'minimal', border = 'rounded' }, position)
    self[name] = buffer
    self.windows[name] = vim.api.nvim_open_win(buffer, enter, options)
  end
  self.windows = {}
  open_window('list', false, { row = row + 3, col = column, width = half - 2, height = height - 5 })
  open_window('preview', false, { row = row, col = column + half, width = width - half - 2, height = height - 2 })
  open_window('prompt', true, { row = row, col = column, width = half - 2, height = 1, title = title() })
  vim.wo[self.windows.list].cursorline = true
  vim.wo[self.windows.preview].number = true
  vim.wo[self.windows.list].wrap, vim.wo[self.windows.preview].wrap = false, false
end

function Picker:map_keys()
  local function map(keys, action)
    for _, key in ipairs(keys) do
      vim.keymap.set({ 'i', 'n' }, key, action, { buffer = self.prompt, nowait = true })
    end
  end
  map({ '<CR>' }, function()
    self:accept('edit')
  end)
  map({ '<C-x>' }, function()
    self:accept('split')
  end)
  map({ '<C-v>' }, function()
    self:accept('vsplit')
  end)
  map({ '<C-t>' }, function()
    self:accept('tabedit')
  end)
  map({ '<C-q>' }, function()
    local query, hits = self:query(), self.items
    self:close()
    items.quickfix(query, hits)
  end)
  map({ '<Down>', '<C-n>', '<C-j>' }, function()
    self:move(1)
  end)
  map({ '<Up>', '<C-p>', '<C-k>' }, function()
    self:move(-1)
  end)
  map({ '<Esc>', '<C-c>' }, function()
    self:close()
  end)
  vim.api.nvim_create_autocmd('WinLeave', {
    buffer = self.prompt,
    once = true,
    callback = vim.schedule_wrap(function()
      self:close()
    end),
  })
end

function Picker:query()
  return vim.trim(vim.api.nvim_buf_get_lines(self.prompt, 0, 1, false)[1] or '')
end

function Picker:on_change()
  self.timer:start(
    DEBOUNCE,
    0,
    vim.schedule_wrap(function()
      self:search()
    end)
  )
end

function Picker:search()
  if self.closed then
    return
  end
  self.send(self:query(), function(hits, coverage)
    if not self.closed then
      self:show(hits, coverage)
    end
  end, function(message)
    self:show_message(message)
  end)
end

--- Show a message instead of the items, for instance about an incomplete filter.
---@param message string
function Picker:show_message(message)
  if not self.closed then
    self.items = {}
    vim.api.nvim_buf_set_lines(self.list, 0, -1, false, { message })
  end
end

---@param hits semls.Item[]
---@param coverage? { chunks: integer, embedded: integer }
function Picker:show(hits, coverage)
  self.items, self.current = hits, 1
  local lines = vim.tbl_map(function(item)
    return ('%s  %s:%d'):format(item.name, item.path, item.lnum)
  end, hits)
  vim.api.nvim_buf_set_lines(self.list, 0, -1, false, lines)
  vim.api.nvim_buf_clear_namespace(self.list, NS, 0, -1)
  for row, item in ipairs(hits) do
    vim.api.nvim_buf_set_extmark(self.list, NS, row - 1, #item.name, { end_col = #lines[row], hl_group = 'Comment' })
  end
  vim.api.nvim_win_set_config(self.windows.prompt, { title = title(coverage) })
  self:move(0)
end

--- Return the lines of the file's buffer, which may be modified, or of the file if it is not loaded.
---@param file string
---@return string[]
local function lines_of(file)
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and vim.api.nvim_buf_get_name(buffer) == file then
      return vim.api.nvim_buf_get_lines(buffer, 0, -1, false)
    end
  end
  local read, lines = pcall(vim.fn.readfile, file)
  return read and lines or {}
end

---@param by integer
function Picker:move(by)
  local count = #self.items
  if count == 0 then
    return
  end
  self.current = (self.current - 1 + by) % count + 1
  vim.api.nvim_win_set_cursor(self.windows.list, { self.current, 0 })
  local item = self.items[self.current]
  local lines = lines_of(item.filename)
  vim.api.nvim_buf_set_lines(self.preview, 0, -1, false, lines)
  vim.api.nvim_win_set_config(self.windows.preview, { title = (' %s '):format(item.path) })
  vim.bo[self.preview].syntax = vim.filetype.match({ filename = item.filename }) or ''
  vim.api.nvim_buf_clear_namespace(self.preview, NS, 0, -1)
  if item.lnum <= #lines then
    vim.api.nvim_win_set_cursor(self.windows.preview, { item.lnum, 0 })
    vim.api.nvim_win_call(self.windows.preview, function()
      vim.cmd('normal! zz')
    end)
    vim.api.nvim_buf_set_extmark(self.preview, NS, item.lnum - 1, 0, { line_hl_group = 'Visual' })
  end
end

---@param how 'edit'|'split'|'vsplit'|'tabedit'
function Picker:accept(how)
  local item = self.items[self.current]
  if item then
    self:close()
    vim.schedule(function() -- after insert mode has ended, which moves the cursor
      items.jump(item, how)
    end)
  end
end

function Picker:close()
  if self.closed then
    return
  end
  self.closed = true
  self.timer:close()
  vim.cmd('stopinsert')
  for _, window in pairs(self.windows) do
    if vim.api.nvim_win_is_valid(window) then
      vim.api.nvim_win_close(window, true)
    end
  end
end

return M
