--- telescope.nvim.

local M = {}

---@return boolean
function M.usable()
  return (pcall(require, 'telescope'))
end

local function display(made)
  local item = made.value
  local text = ('%s  %s:%d'):format(item.name, item.path, item.lnum)
  return text, { { { 0, #item.name }, 'TelescopeResultsFunction' } }
end

---@param item semls.Item
---@param root string
local function entry(item, root)
  return require('telescope.make_entry').set_default_entry_mt({
    value = item,
    ordinal = item.name,
    display = display,
    filename = item.filename,
    lnum = item.lnum,
    col = item.col,
    text = item.text,
  }, { cwd = root })
end

--- What finds items. `new_dynamic` would wait for an answer before it takes up the next prompt, and so cancel nothing.
local function finder(ask, root)
  return setmetatable({ close = function() end }, {
    __call = function(_, prompt, process_result, process_complete)
      ask(prompt, function(items)
        for index, item in ipairs(items) do
          local made = entry(item, root)
          made.index = index
          if process_result(made) then
            return -- the prompt has changed
          end
        end
        process_complete()
      end)
    end,
  })
end

---@param query string
function M.open(query)
  local ask, root = require('semls.pickers').live()
  local options = { cwd = root }
  require('telescope.pickers')
    .new(options, {
      prompt_title = 'Search by meaning',
      default_text = query,
      finder = finder(ask, root),
      sorter = require('telescope.sorters').empty(),
      previewer = require('telescope.config').values.qflist_previewer(options),
    })
    :find()
end

return M
