--- Searches with `vim.ui.input` and `vim.ui.select`, which other plugins may replace: a list without preview.

local client = require('semls.client')
local items = require('semls.items')
local pickers = require('semls.pickers')

local M = {}

---@return boolean
function M.is_available()
  return true
end

---@param item semls.Item
---@return string
local function format(item)
  return ('%s  %s:%d  %s'):format(item.name, item.path, item.lnum, item.text)
end

---@param hits semls.Item[]
---@param title string
local function choose(hits, title)
  if #hits == 0 then
    return client.show_error(title)
  end
  vim.ui.select(hits, { prompt = title, kind = 'semls', format_item = format }, function(item, rank)
    if item then
      pickers.remember(rank)
      items.jump(item, 'edit')
    end
  end)
end

---@param query string if empty, the user is asked for one
function M.open(query)
  local send = pickers.live_search({ wait = true })
  local function search(text)
    if text and vim.trim(text) ~= '' then
      send(text, choose, client.show_error)
    end
  end
  if query ~= '' then
    return search(query)
  end
  vim.ui.input({ prompt = pickers.TITLE .. ': ' }, search)
end

---@param last semls.Search
function M.reopen(last)
  choose(last.items, last.title)
end

return M
