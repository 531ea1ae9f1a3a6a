--- The language server: one for each root, started with or without a buffer, and asked.

local config = require('semls.config')

local M = {}

local NAME = 'semls'

--- The states of the folders, by URI, as the servers told them last.
---@type table<string, table>
M.states = {}

---@type table<integer, fun()[]> what is to be done when a client has started
local waiting = {}

---@type table<string, integer> the client that was started for a root: before 0.11 none is listed until it is ready
local started = {}

-- Before Neovim 0.11 a client's methods know their client, and every client has a buffer unless it is started so.
local NEW = vim.fn.has('nvim-0.11') == 1

---@param client vim.lsp.Client
---@param method string
local function call(client, method, ...)
  if NEW then
    return client[method](client, ...)
  end
  return client[method](...)
end

---@param given vim.lsp.ClientConfig
---@return integer?
local function launch(given)
  if NEW then
    return vim.lsp.start(given, { attach = false })
  end
  return vim.lsp.start_client(given)
end

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

---@param uri string of a folder
---@param state? table
local function keep(uri, state)
  M.states[uri] = state
  vim.api.nvim_exec_autocmds('User', { pattern = 'SemlsStatus', modeline = false })
end

--- The configuration of a server, whatever its root.
---@return vim.lsp.ClientConfig
function M.config()
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.experimental = { semls = { didChangeStatus = true } }
  return {
    name = NAME,
    cmd = config.cmd,
    settings = { semls = vim.empty_dict() },
    init_options = config.settings,
    capabilities = capabilities,
    handlers = {
      ['semls/didChangeStatus'] = function(_, state)
        keep(state.uri, state)
      end,
    },
    on_init = function(client)
      for _, work in ipairs(waiting[client.id] or {}) do
        work()
      end
      waiting[client.id] = nil
    end,
    on_exit = function(_, _, id)
      local uri = vim.uri_from_fname(vim.lsp.get_client_by_id(id).root_dir)
      vim.schedule(function()
        keep(uri, nil)
      end)
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

---@return vim.lsp.Client[]
function M.all()
  return vim.lsp.get_clients({ name = NAME })
end

--- The running client of a root.
---@param root string
---@return vim.lsp.Client?
function M.of(root)
  local clients = M.all()
  table.insert(clients, started[root] and vim.lsp.get_client_by_id(started[root]))
  return vim.iter(clients):find(function(client)
    return client.root_dir == root and not call(client, 'is_stopped')
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
    local where = 'install semls, or set `cmd`; :checkhealth semls tells more'
    M.say(('the program %s is not there: %s'):format(config.cmd[1], where))
    return nil
  end
  local given = M.config()
  given.root_dir = root
  started[root] = launch(given)
  return started[root] and vim.lsp.get_client_by_id(started[root])
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

---@class semls.Question
---@field method string
---@field params table
---@field answered fun(result: any, client: vim.lsp.Client)
---@field failed? fun(message: string)
---@field root? string of the server that is asked; else of the current buffer's

--- Ask a server. Gives back what cancels that.
---@param question semls.Question
---@return fun()
function M.ask(question)
  local client = M.start(question.root or M.root(vim.api.nvim_get_current_buf()))
  if not client then
    return function() end
  end
  local id, cancelled
  when_ready(client, function()
    if cancelled then
      return
    end
    local _
    _, id = call(client, 'request', question.method, question.params, function(problem, result)
      id = nil
      if cancelled then
        return
      elseif problem then
        (question.failed or M.say)(problem.message)
      else
        question.answered(result, client)
      end
    end)
  end)
  return function()
    cancelled = true
    if id then
      call(client, 'cancel_request', id)
    end
  end
end

local DONE = {
  pause = 'nothing is embedded until `:Semls resume`',
  resume = 'embedding goes on',
  reindex = 'all files are looked at again',
  clear = 'the index is made anew',
}

--- One of the server's commands about the index.
---@param name 'pause'|'resume'|'reindex'|'clear'
function M.command(name)
  M.ask({
    method = 'workspace/executeCommand',
    params = { command = 'semls.' .. name },
    answered = function()
      vim.notify('semls: ' .. DONE[name])
    end,
  })
end

--- Stop all clients, and wait until they are gone.
---@param force boolean
---@return boolean whether they are
local function stop(force)
  for _, client in ipairs(M.all()) do
    call(client, 'stop', force)
  end
  return vim.wait(5000, function()
    return #M.all() == 0
  end, 20)
end

function M.restart()
  local buffers = {}
  for _, client in ipairs(M.all()) do
    vim.list_extend(buffers, vim.tbl_keys(client.attached_buffers))
  end
  local _ = stop(false) or stop(true)
  for _, buffer in ipairs(buffers) do
    M.attach(buffer)
  end
end

---@param message string
function M.say(message)
  vim.notify('semls: ' .. message, vim.log.levels.ERROR)
end

return M
