--- Shows a message at the bottom of the screen, above any picker. The message line is not used: it shows the mode.

local M = {}

local DURATION = 4000 -- milliseconds; pickers of other plugins do not report when they close

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
  local opened = vim.api.nvim_open_win(buffer, false, {
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
  vim.wo[opened].winhighlight = 'NormalFloat:WarningMsg'
  window = opened
  vim.defer_fn(function()
    if window == opened then
      M.hide()
    end
  end, DURATION)
end

return M
