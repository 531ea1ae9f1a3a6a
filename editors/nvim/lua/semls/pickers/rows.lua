--- Fits items into the rows of a list.

local M = {}

local GAP = 2 -- cells between name and location
local MIN_NAME = 12 -- cells of a name that is cut

local width_of = vim.fn.strdisplaywidth

--- Cut the end of a text that is too wide.
---@param text string
---@param width integer
---@return string
local function cut(text, width)
  if width_of(text) <= width then
    return text
  end
  return vim.fn.printf(('%%.%dS'):format(math.max(width - 1, 0)), text) .. '…'
end

--- Put a mark in the place of the first parts of a text that is too wide, such as the folders of a path.
---@param text string
---@param width integer
---@param separator string
---@param mark string
---@return string
local function shorten(text, width, separator, mark)
  local rest = text
  while width_of(text) > width and rest:find(separator, 1, true) do
    rest = rest:sub(rest:find(separator, 1, true) + 1)
    text = mark .. rest
  end
  return text
end

--- Return an item's name and location. What does not fit is replaced by "…": first folders, then the containers of the
--- name, then its end.
---@param item semls.Item
---@param width integer
---@return string name
---@return string location
function M.fit(item, width)
  local location = shorten(('%s:%d'):format(item.path, item.lnum), width - width_of(item.name) - GAP, '/', '…/')
  local room = math.max(width - width_of(location) - GAP, MIN_NAME)
  local name = cut(shorten(item.name, room, '.', '…'), room)
  return name, cut(location, width - width_of(name) - GAP)
end

return M
