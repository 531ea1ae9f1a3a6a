--- fzf-lua.

local list = require('semls.items')

local M = {}

---@return boolean
function M.usable()
  return vim.fn.executable('fzf') == 1 and (pcall(require, 'fzf-lua'))
end

--- A line that the actions and the preview of fzf-lua read: what is before the no-break space is for show.
---@param item semls.Item
local function entry(item)
  local utils = require('fzf-lua').utils
  local place = ('%s:%d:%d:'):format(item.path, item.lnum, item.col)
  return ('%s%s%s %s'):format(utils.ansi_codes.blue(item.name), utils.nbsp, place, item.text)
end

--- The user's actions on files, but with a quickfix list in the server's order, which theirs sorts by file.
---@param quickfix fun(selected: string[])
local function actions(quickfix)
  local known = require('fzf-lua').actions
  local ours = {
    [known.file_sel_to_qf] = quickfix,
    [known.file_edit_or_qf] = function(selected, options)
      return (#selected > 1 and quickfix or known.file_edit)(selected, options)
    end,
  }
  local given = {}
  for key, action in pairs(require('fzf-lua.config').globals.actions.files) do
    given[key] = type(action) == 'function' and (ours[action] or action) or nil
  end
  return given
end

---@param query string
function M.open(query)
  local fzf = require('fzf-lua')
  local ask, root = require('semls.pickers').live()
  local finish = function() end
  local found, rank = {}, {}
  local function quickfix(selected)
    local ranks = vim.tbl_map(function(line)
      return rank[line]
    end, selected)
    table.sort(ranks)
    local items = vim.tbl_map(function(at)
      return found[at]
    end, ranks)
    list.quickfix(fzf.get_last_query(), items)
  end
  fzf.fzf_live(function(typed)
    finish() -- fzf has left the one before
    return function(write)
      finish = write
      ask(typed[1] or '', function(items)
        found, rank = items, {}
        for at, item in ipairs(items) do
          local line = entry(item)
          rank[fzf.utils.strip_ansi_coloring(line)] = at
          write(line)
        end
        write()
      end)
    end
  end, {
    query = query,
    cwd = root,
    prompt = '> ',
    winopts = { title = ' Search by meaning ' },
    previewer = 'builtin',
    fzf_opts = { ['--multi'] = true },
    actions = actions(quickfix),
  })
end

return M
