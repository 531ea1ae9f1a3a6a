--- A sentence at the foot of the screen, over whatever picker is open: the line of messages shows the mode meanwhile.

local M = {}

local SHOWN = 4000 -- milliseconds, since nobody tells when a picker is left

---@type integer?
local window

function M.hide()
  if window and vim.api.nvim_win_is_valid(window) then
    vim.api.nvim_win_close(window, true)
  end
  window = nil
end

---@param message string
function M.show(message)
  M.hide()
  local line = (' %s '):format(message:gsub('%s+', ' '))
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].bufhidden = 'wipe'
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, { line })
  local mine = vim.api.nvim_open_win(buffer, false, {
    relative = 'editor',
    anchor = 'SW',
    row = vim.o.lines - vim.o.cmdheight,
    col = 0,
    width = math.min(vim.o.columns, vim.fn.strdisplaywidth(line)),
    height = 1,
    style = 'minimal',
    focusable = false,
    noautocmd = true,
    zindex = 250,
  })
  vim.wo[mine].winhighlight = 'NormalFloat:WarningMsg'
  window = mine
  vim.defer_fn(function()
    if window == mine then
      M.hide()
    end
  end, SHOWN)
end

return M
