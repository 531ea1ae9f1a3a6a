--- Converts hits to list items (file, line, column and text) and opens them.

local M = {}

---@class semls.Item
---@field filename string
---@field lnum integer
---@field col integer
---@field text string
---@field name string
---@field kind string
---@field path string
---@field matched string

--- Convert hits and copies to items, in the same order. The text of a hit is the most telling line, as in the terminal.
--- `vim.lsp.util.locations_to_items` sorts its result by file and line, so it is called for one location at a time.
---@param hits table[]
---@param client vim.lsp.Client
---@return semls.Item[]
function M.of(hits, client)
  return vim.tbl_map(function(hit)
    local location = { uri = hit.uri, range = hit.selectionRange }
    local item = vim.lsp.util.locations_to_items({ location }, client.offset_encoding)[1]
    local name = hit.container ~= '' and hit.container .. '.' .. hit.name or hit.name
    return {
      filename = item.filename,
      lnum = item.lnum,
      col = item.col,
      text = hit.best and hit.best.text or 'exact duplicate',
      name = name,
      kind = hit.kind,
      path = hit.path,
      matched = table.concat(hit.matched or {}, ', '),
    }
  end, hits)
end

--- Fill the quickfix list.
---@param title string
---@param items semls.Item[]
function M.quickfix(title, items)
  local entries = vim.tbl_map(function(item)
    local text = ('[%s] %s  %s'):format(item.kind, item.name, item.text)
    return { filename = item.filename, lnum = item.lnum, col = item.col, text = text }
  end, items)
  vim.fn.setqflist({}, ' ', { title = title, items = entries })
  vim.cmd('botright copen')
end

--- Fill the quickfix list with the places that an answer cites, and open it if there are some.
---@param title string
---@param citations table[]
function M.cited(title, citations)
  local entries = vim.tbl_map(function(citation)
    local lnum = citation.range.start.line + 1
    return { filename = vim.uri_to_fname(citation.uri), lnum = lnum, col = 1, text = citation.code }
  end, citations)
  vim.fn.setqflist({}, ' ', { title = title, items = entries })
  if #entries > 0 then
    vim.cmd('botright copen | wincmd p')
  end
end

-- `:edit` would re-read a file that is already open, and fail if its buffer is modified.
local COMMANDS = { edit = 'buffer', split = 'sbuffer', vsplit = 'vertical sbuffer', tabedit = 'tab sbuffer' }

--- Open an item.
---@param item semls.Item
---@param how 'edit'|'split'|'vsplit'|'tabedit'
function M.jump(item, how)
  vim.cmd("normal! m'")
  local buffer = vim.fn.bufadd(item.filename)
  vim.bo[buffer].buflisted = true
  vim.cmd(('%s %d'):format(COMMANDS[how], buffer))
  local row = math.min(item.lnum, vim.api.nvim_buf_line_count(buffer)) -- the buffer may be shorter now
  vim.api.nvim_win_set_cursor(0, { row, item.col - 1 })
  vim.cmd('normal! zvzz')
end

return M
