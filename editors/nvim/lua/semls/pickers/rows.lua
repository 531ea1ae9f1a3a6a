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

--- Leave out the first folders of a location that is too wide.
---@param location string
---@param width integer
---@return string
local function shorten(location, width)
  local rest = location
  while width_of(location) > width and rest:find('/', 1, true) do
    rest = rest:gsub('^[^/]*/', '')
    location = '…/' .. rest
  end
  return location
end

--- Return an item's name and location. What does not fit is replaced by "…": first folders, then the end of the name.
---@param item semls.Item
---@param width integer
---@return string name
---@return string location
function M.fit(item, width)
  local location = shorten(('%s:%d'):format(item.path, item.lnum), width - width_of(item.name) - GAP)
  local name = cut(item.name, math.max(width - width_of(location) - GAP, MIN_NAME))
  return name, cut(location, width - width_of(name) - GAP)
end

return M
