--- The language server: one for each root, started with or without a buffer, and asked.

local config = require('semls.config')

local M = {}

local NAME = 'semls'

--- The states of the folders, by URI, as the servers told them last.
---@type table<string, table>
M.states = {}

---@type table<integer, fun()[]> what is to be done when a client has started
local waiting = {}

--- What a buffer of a file, or else the current directory, belongs to.
---@param buffer integer
---@return string
function M.root(buffer)
  if M.is_file(buffer) then
    local file = vim.api.nvim_buf_get_name(buffer)
    return vim.fs.root(buffer, config.root_markers) or vim.fs.dirname(file)
  end
  return vim.fs.root(vim.fn.getcwd(), config.root_markers) or vim.fn.getcwd()
end

--- Whether a buffer is a named file on the disk.
---@param buffer integer
---@return boolean
function M.is_file(buffer)
  local name = vim.api.nvim_buf_get_name(buffer)
  return name ~= '' and vim.bo[buffer].buftype == '' and not name:match('^%w+://')
end

--- The configuration of the server of a root, for `vim.lsp.start`.
---@param root string
---@return vim.lsp.ClientConfig
function M.config(root)
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.experimental = { semls = { didChangeStatus = true } }
  return {
    name = NAME,
    cmd = config.cmd,
    root_dir = root,
    workspace_folders = { { uri = vim.uri_from_fname(root), name = vim.fs.basename(root) } },
    settings = { semls = vim.empty_dict() },
    init_options = config.settings,
    capabilities = capabilities,
    handlers = { ['semls/didChangeStatus'] = M.took },
    on_init = function(client)
      for _, work in ipairs(waiting[client.id] or {}) do
        work()
      end
      waiting[client.id] = nil
    end,
  }
end

--- Do something as soon as a client may be asked.
---@param client vim.lsp.Client
---@param work fun()
local function when_ready(client, work)
  if client.initialized then
    return work()
  end
  waiting[client.id] = waiting[client.id] or {}
  table.insert(waiting[client.id], work)
end

--- A folder's state has changed.
function M.took(_, state)
  M.states[state.uri] = state
  vim.api.nvim_exec_autocmds('User', { pattern = 'SemlsStatus', modeline = false })
end

---@return vim.lsp.Client[]
function M.all()
  return vim.lsp.get_clients({ name = NAME })
end

--- The running client of a root.
---@param root string
---@return vim.lsp.Client?
function M.of(root)
  return vim.iter(M.all()):find(function(client)
    return client.root_dir == root and not client:is_stopped()
  end)
end

--- The client of a root, started if need be; nothing, and a message, where that is impossible.
---@param root string
---@return vim.lsp.Client?
function M.start(root)
  local running = M.of(root)
  if running then
    return running
  end
  if vim.fn.executable(config.cmd[1]) == 0 then
    M.say(('the program %s is not there: install semls, or set `cmd`; :checkhealth semls tells more'):format(config.cmd[1]))
    return nil
  end
  local id = vim.lsp.start(M.config(root), { attach = false })
  return id and vim.lsp.get_client_by_id(id) or nil
end

--- Let the server of a file know what is typed and saved.
---@param buffer integer
function M.attach(buffer)
  if M.is_file(buffer) then
    local client = M.start(M.root(buffer))
    if client then
      vim.lsp.buf_attach_client(buffer, client.id)
    end
  end
end

--- Ask the server of the current buffer. Gives back what cancels that.
---@param method string
---@param params table?
---@param answered fun(result: any, client: vim.lsp.Client)
---@param failed? fun(message: string)
---@return fun()
function M.ask(method, params, answered, failed)
  local client = M.start(M.root(vim.api.nvim_get_current_buf()))
  if not client then
    return function() end
  end
  local id, cancelled
  when_ready(client, function()
    if cancelled then
      return
    end
    _, id = client:request(method, params, function(problem, result)
      if cancelled then
        return
      elseif problem then
        (failed or M.say)(problem.message)
      else
        answered(result, client)
      end
    end)
  end)
  return function()
    cancelled = true
    if id then
      client:cancel_request(id)
    end
  end
end

--- One of the server's commands about the index.
---@param name 'pause'|'resume'|'reindex'|'clear'
function M.command(name)
  M.ask('workspace/executeCommand', { command = 'semls.' .. name }, function()
    vim.notify(('semls: %s'):format(({
      pause = 'nothing is embedded until `:Semls resume`',
      resume = 'embedding goes on',
      reindex = 'all files are looked at again',
      clear = 'the index is made anew',
    })[name]))
  end)
end

function M.restart()
  local buffers = {}
  for _, client in ipairs(M.all()) do
    vim.list_extend(buffers, vim.tbl_keys(client.attached_buffers))
    client:stop()
  end
  vim.wait(5000, function()
    return #M.all() == 0
  end, 20)
  M.states = {}
  for _, buffer in ipairs(buffers) do
    M.attach(buffer)
  end
end

---@param message string
function M.say(message)
  vim.notify('semls: ' .. message, vim.log.levels.ERROR)
end

return M
