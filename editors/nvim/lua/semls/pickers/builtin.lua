--- The built-in picker: floating windows with a prompt, the items, and a preview of the current item.

local hint = require('semls.pickers.hint')
local items = require('semls.items')
local rows = require('semls.pickers.rows')

local M = {}

local DEBOUNCE = 120 -- milliseconds after the last key until a request is sent
local NS = vim.api.nvim_create_namespace('semls.picker')
local MARKS = vim.api.nvim_create_namespace('semls.marks')
local SIGN_COLUMN = 2 -- cells
local MIN_COLUMNS = 100 -- of a screen that has the preview beside the list

---@class semls.Picker
---@field prompt integer buffer
---@field list integer buffer
---@field preview integer buffer
---@field windows table<string, integer> by the name of the buffer's field
---@field items semls.Item[]
---@field current integer
---@field locations integer[] the columns where the locations of the items start
---@field marked table<integer, boolean> the ranks of the items that are marked
---@field send fun(query: string, on_items: fun(items: semls.Item[], title: string), on_error?: fun(message: string))
---@field timer uv.uv_timer_t
---@field closed boolean
local Picker = {}
Picker.__index = Picker

--- Whether the editor shows floating windows: VS Code with vscode-neovim does not.
---@return boolean
function M.is_available()
  return vim.g.vscode == nil
end

---@param root? string
---@return semls.Picker
local function new(root)
  local picker = setmetatable({ items = {}, current = 1, marked = {}, closed = false }, Picker)
  picker.send = require('semls.pickers').live_search({
    root = root,
    refresh = function()
      if not picker.closed and picker.current == 1 and next(picker.marked) == nil then
        picker:search()
      end
    end,
  })
  picker.timer = assert(vim.uv.new_timer())
  picker:layout()
  picker:map_keys()
  return picker
end

---@param query string
function M.open(query)
  local picker = new()
  picker:listen()
  vim.api.nvim_buf_set_lines(picker.prompt, 0, -1, false, { query })
  vim.cmd('startinsert!')
end

---@param last semls.Search
function M.reopen(last)
  local picker = new(last.root)
  vim.api.nvim_buf_set_lines(picker.prompt, 0, -1, false, { last.query })
  picker:listen()
  picker:show(last.items, last.title)
  picker:move(last.current - 1)
  vim.cmd('startinsert!')
end

--- Search on every change of the prompt.
function Picker:listen()
  vim.api.nvim_buf_attach(self.prompt, false, {
    on_lines = function()
      self:on_change()
    end,
  })
end

function Picker:layout()
  local width, height = math.floor(vim.o.columns * 0.9), math.floor(vim.o.lines * 0.8)
  local row, column = math.floor((vim.o.lines - height) / 2), math.floor((vim.o.columns - width) / 2)
  local function open_window(name, enter, position)
    local buffer = vim.api.nvim_create_buf(false, true)
    vim.bo[buffer].bufhidden = 'wipe'
    local options = vim.tbl_extend('force', { relative = 'editor', style = 'minimal', border = 'rounded' }, position)
    self[name] = buffer
    self.windows[name] = vim.api.nvim_open_win(buffer, enter, options)
  end
  self.windows = {}
  local list, preview = { row = row + 3, col = column }, { row = row, col = column, width = width - 2 }
  if vim.o.columns < MIN_COLUMNS then -- the preview is below the list
    local rows_left = math.max(height - 7, 2)
    list.width, list.height = width - 2, math.ceil(rows_left / 2)
    preview.row, preview.height = row + list.height + 5, math.floor(rows_left / 2)
  else
    local half = math.floor(width / 2)
    list.width, list.height = half - 2, math.max(height - 5, 1)
    preview.col, preview.width, preview.height = column + half, width - half - 2, list.height + 3
  end
  open_window('list', false, list)
  open_window('preview', false, preview)
  open_window('prompt', true, { row = row, col = column, width = list.width, height = 1, title = '' })
  self:set_title(require('semls.pickers').TITLE)
  -- CursorLine has no colors without 'termguicolors'.
  vim.wo[self.windows.list].winhighlight = 'CursorLine:PmenuSel,CursorLineSign:PmenuSel'
  vim.wo[self.windows.list].signcolumn = 'yes:1' -- of the marks
  vim.wo[self.windows.list].linebreak = true -- of messages
  for _, window in pairs(self.windows) do
    vim.wo[window].wrap = false
  end
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
    local query, hits = self:query(), self:selected()
    self:close()
    items.quickfix(query, hits)
  end)
  map({ '<Tab>' }, function()
    self:toggle_mark()
    self:move(1)
  end)
  map({ '<S-Tab>' }, function()
    self:toggle_mark()
    self:move(-1)
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
  if #self.items == 0 then
    self:set_title('Searching…')
  end
  self.send(self:query(), function(hits, title)
    if not self.closed then
      self:show(hits, title)
    end
  end, function(message)
    self:show_message(message)
  end)
end

--- Show a message instead of the items, for instance about an incomplete filter.
---@param message string
function Picker:show_message(message)
  if not self.closed then
    self:show({}, require('semls.pickers').TITLE)
    vim.api.nvim_buf_set_lines(self.list, 0, -1, false, { message })
    vim.wo[self.windows.list].wrap = true
  end
end

---@param hits semls.Item[]
---@param title string
function Picker:show(hits, title)
  self.items, self.current, self.marked, self.locations = hits, 1, {}, {}
  local width = vim.api.nvim_win_get_width(self.windows.list) - SIGN_COLUMN
  vim.api.nvim_buf_set_lines(self.list, 0, -1, false, {})
  vim.api.nvim_buf_clear_namespace(self.list, NS, 0, -1)
  vim.api.nvim_buf_clear_namespace(self.list, MARKS, 0, -1)
  for rank, item in ipairs(hits) do
    local name, location = rows.fit(item, width)
    local line = ('%s  %s'):format(name, location)
    vim.api.nvim_buf_set_lines(self.list, rank - 1, rank == 1 and -1 or rank - 1, false, { line })
    self.locations[rank] = #name
    self:dim_location(rank)
  end
  vim.wo[self.windows.list].cursorline = #hits > 0
  vim.wo[self.windows.list].wrap = false
  self:set_title(title)
  self:move(0)
end

--- Dim the location of an item.
---@param rank integer
function Picker:dim_location(rank)
  local mark = { id = rank, end_row = rank, hl_group = 'Comment', strict = false }
  vim.api.nvim_buf_set_extmark(self.list, NS, rank - 1, self.locations[rank], mark)
end

---@param title string
function Picker:set_title(title)
  vim.api.nvim_win_set_config(self.windows.prompt, { title = (' %s '):format(title) })
end

function Picker:toggle_mark()
  local rank = self.current
  self.marked[rank] = self.items[rank] and not self.marked[rank] or nil
  if self.marked[rank] then
    local mark = { id = rank, sign_text = '+', sign_hl_group = 'Special' }
    vim.api.nvim_buf_set_extmark(self.list, MARKS, rank - 1, 0, mark)
  else
    vim.api.nvim_buf_del_extmark(self.list, MARKS, rank)
  end
end

--- Return the marked items, or all if none is marked.
---@return semls.Item[]
function Picker:selected()
  local ranks = vim.tbl_keys(self.marked)
  if #ranks == 0 then
    return self.items
  end
  table.sort(ranks)
  return vim.tbl_map(function(rank)
    return self.items[rank]
  end, ranks)
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
    vim.api.nvim_buf_set_lines(self.preview, 0, -1, false, {})
    vim.wo[self.windows.preview].number = false
    return vim.api.nvim_win_set_config(self.windows.preview, { title = '' })
  end
  self:dim_location(self.current)
  self.current = (self.current - 1 + by) % count + 1
  vim.api.nvim_buf_del_extmark(self.list, NS, self.current) -- the colors of the selected row are PmenuSel alone
  vim.api.nvim_win_set_cursor(self.windows.list, { self.current, 0 })
  local item = self.items[self.current]
  local lines = lines_of(item.filename)
  vim.api.nvim_buf_set_lines(self.preview, 0, -1, false, lines)
  vim.api.nvim_win_set_config(self.windows.preview, { title = (' %s '):format(item.path) })
  vim.wo[self.windows.preview].number = true
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
  hint.hide()
  require('semls.pickers').remember(self.current)
  self.timer:close()
  vim.cmd('stopinsert')
  for _, window in pairs(self.windows) do
    if vim.api.nvim_win_is_valid(window) then
      vim.api.nvim_win_close(window, true)
    end
  end
end

return M
