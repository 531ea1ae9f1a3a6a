;;; semls.el --- Search code by meaning  -*- lexical-binding: t; -*-

;; Copyright (c) 2026 The semls authors

;; Author: The semls authors
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: tools, matching
;; URL: https://pypi.org/project/semls
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; Describe what code does, in plain words, and jump to the function that does
;; it: M-x semls-search.  The program `semls' reads and embeds the code on this
;; machine.
;;
;; Eglot runs one server per buffer, that of its language.  This package
;; therefore has its own client, based on the built-in jsonrpc.  It works in the
;; same way with Eglot, with lsp-mode and without either.  Each project has one
;; server.  The first command starts it; if it has died, the next command
;; starts it again.

;;; Code:

(require 'cl-lib)
(require 'jsonrpc)
(require 'project)
(require 'seq)
(require 'subr-x)
(require 'text-property-search)
(require 'url-parse)
(require 'url-util)
(require 'xref)

(declare-function consult--read "consult")
(declare-function consult--dynamic-collection "consult")
(declare-function consult--jump-preview "consult")
(declare-function consult--temporary-files "consult")
(declare-function consult--async-split-initial "consult")

(defvar embark-exporters-alist)
(defvar embark-general-map)
(defvar embark-keymap-alist)

(defgroup semls nil
  "Search code by meaning."
  :group 'tools
  :prefix "semls-")

(defcustom semls-command '("semls" "lsp")
  "The command that starts the server: a program and its arguments."
  :type '(repeat string)
  :risky t)

(defcustom semls-settings nil
  "Settings of the server: a property list.
Its keys are :model, :revision, :store and :languages.  The reference of
semls describes them.  A server takes the value that this variable has,
when the server starts, in the buffer where it is started."
  :type '(plist :options ((:model string) (:revision string) (:store plist)
                          (:languages plist))))

(defcustom semls-limit 50
  "Maximum number of hits of a search."
  :type 'natnum
  :safe #'natnump)

(defconst semls--request-timeout 120
  "Seconds after which a request fails.")

(defconst semls--min-confidence 0.2
  "Confidence of an answer with a strong match; see the reference.")

(defconst semls--ask-timeout 600
  "Seconds after which a question to the user's language model fails.")

(defconst semls--shutdown-timeout 3
  "Seconds after which a server that does not exit is killed.")

(defvar semls--history nil
  "Minibuffer history of queries.")

(defvar semls--last nil
  "A function that shows the last search again.")

(defvar semls--visited nil
  "The location of the hit that was visited last.")

(defvar semls-mode-line ""
  "State of the index: \"semls 42%\", or \"semls\" when all code is embedded.
It is \"semls (no model)\" or \"semls (error)\" if semls cannot embed or search.
It is empty while no server runs.  Add it to `mode-line-misc-info' to show it.")

;;;; Server processes

(defclass semls--connection (jsonrpc-process-connection)
  ((encoding :initform "utf-16" :accessor semls--encoding
             :documentation "The unit of columns: \"utf-16\" or \"utf-32\".")
   (settings :initarg :settings :reader semls--settings)
   (root :initarg :root :reader semls--root)
   (state :initform nil :accessor semls--state
          :documentation "The last state of the index that the server has sent.")
   (sent :initform nil :accessor semls--sent
         :documentation "The open documents that the server has: (URI . TICK).")
   ;; Logging every message takes longer than a search.  The first slot turns
   ;; it off in jsonrpc up to Emacs 29, the second one in later versions.
   (-events-buffer-scrollback-size :initform 0)
   (-events-buffer-config :initform '(:size 0 :format full)))
  "The connection to a server, and its state.")

(defvar semls--connections (make-hash-table :test #'equal)
  "The connections by project root.  Some may have ended.")

(defmacro semls--with-user-errors (connection &rest body)
  "Evaluate BODY; signal errors of CONNECTION's server as user errors."
  (declare (indent 1))
  `(condition-case err
       (progn ,@body)
     (error (semls--signal-user-error ,connection err))))

(defun semls--connection-of (root)
  "Return the connection to the server of ROOT.  Start the server if necessary."
  (let ((existing (gethash root semls--connections)))
    (if (and existing (jsonrpc-running-p existing)) existing (semls--start root))))

(defun semls--start (root)
  "Start a server for ROOT and return the connection to it."
  (let ((connection (semls--connect root)) ready)
    (puthash root connection semls--connections)
    (add-hook 'kill-emacs-hook #'semls--request-shutdown-of-all)
    (unwind-protect
        (semls--with-user-errors connection
          (semls--initialize connection)
          (setq ready t))
      (unless ready ; after an error or a quit
        (jsonrpc-shutdown connection)))
    connection))

(defun semls--initialize (connection)
  "Exchange capabilities with the server of CONNECTION."
  (let ((result (semls--request connection 'initialize (semls--initialize-params connection))))
    (setf (semls--encoding connection)
          (or (plist-get (plist-get result :capabilities) :positionEncoding) "utf-16"))
    (jsonrpc-notify connection 'initialized (make-hash-table))))

(defun semls--connect (root)
  "Start a server process for ROOT and return the connection to it."
  (let ((name (format "semls %s" (abbreviate-file-name root)))
        (command (cons (semls--program) (cdr semls-command))))
    (make-instance
     'semls--connection :name name :root root :settings semls-settings
     :request-dispatcher #'semls--handle-request
     :notification-dispatcher #'semls--handle-notification
     :on-shutdown #'semls--handle-shutdown
     :process
     (lambda ()
       (let ((default-directory root))
         (make-process :name name :command command :connection-type 'pipe
                       :coding 'utf-8-emacs-unix :noquery t
                       ;; jsonrpc finds the buffer by this name.
                       :stderr (get-buffer-create (format "*%s stderr*" name))))))))

(defun semls--program ()
  "Return the path of the server's program, or signal a user error."
  (let ((program (car semls-command)))
    (or (executable-find (if (string-prefix-p "~" program) (expand-file-name program) program))
        (user-error "Program %s not found: install semls, or set `semls-command'" program))))

(defun semls--initialize-params (connection)
  "Return the parameters of the initialize request of CONNECTION."
  (let* ((root (semls--root connection))
         (uri (semls--uri root)))
    `( :processId ,(emacs-pid)
       :clientInfo (:name "Emacs" :version ,emacs-version)
       :rootUri ,uri
       :workspaceFolders [(:uri ,uri :name ,(file-name-nondirectory (directory-file-name root)))]
       :initializationOptions ,(semls--settings connection)
       :capabilities
       ( :general (:positionEncodings ["utf-32" "utf-16"])
         :workspace (:configuration t)
         :window (:workDoneProgress t :showDocument (:support t))
         :experimental (:semls (:didChangeStatus t))))))

(defun semls--request (connection method params)
  "Send the request METHOD with PARAMS on CONNECTION and return the result.
Inside `while-no-input', input cancels the request."
  (let* ((cancel (lambda (id) (jsonrpc-notify connection '$/cancelRequest (list :id id))))
         (result (jsonrpc-request connection method params :timeout semls--request-timeout
                                  ;; Older versions only test whether it is non-nil.
                                  :cancel-on-input (and throw-on-input cancel)
                                  :cancel-on-input-retval 'semls--input)))
    (if (eq result 'semls--input) (throw throw-on-input t) result)))

(defun semls--signal-user-error (connection err)
  "Signal the error ERR of CONNECTION as a user error if the server caused it."
  (cond ((not (jsonrpc-running-p connection))
         (user-error "The server has died: `semls-log' shows its output"))
        ((eq (car err) 'jsonrpc-error)
         (user-error "%s" (alist-get 'jsonrpc-error-message (cdr err))))
        (t (signal (car err) (cdr err)))))

(defun semls--ask (root method params)
  "Send modified buffers and the request METHOD with PARAMS to the server of ROOT.
Return the result.  Start the server if necessary."
  (let ((connection (semls--connection-of root)))
    (semls--with-user-errors connection
      (semls--send-buffers connection)
      (semls--request connection method params))))

(defun semls--execute (command)
  "Execute COMMAND in the server of the current buffer's project."
  (semls--ask (semls--current-root) 'workspace/executeCommand (list :command command)))

(defun semls--request-shutdown-of-all ()
  "Ask all servers to exit and return the connections that were running.
Do not wait for them.  If a signal ends Emacs, for instance because the
terminal was closed, Emacs is not notified of processes that exit, and
would wait forever."
  (let ((running (seq-filter #'jsonrpc-running-p (hash-table-values semls--connections))))
    (clrhash semls--connections)
    (dolist (connection running running)
      (ignore-errors
        (jsonrpc-async-request connection 'shutdown nil)
        (jsonrpc-notify connection 'exit nil)))))

(defun semls--stop-all ()
  "Stop all servers.  Kill those that do not exit in time."
  (let ((running (semls--request-shutdown-of-all)))
    (with-timeout (semls--shutdown-timeout)
      (while (cl-some #'jsonrpc-running-p running)
        (accept-process-output nil 0.05)))
    (mapc #'jsonrpc-shutdown running)))

;;;; Requests and notifications from the server

(defun semls--handle-request (connection method params)
  "Handle the request METHOD with PARAMS from CONNECTION."
  (pcase method
    ('workspace/configuration
     (vconcat (mapcar (lambda (item)
                        (and (equal (plist-get item :section) "semls") (semls--settings connection)))
                      (plist-get params :items))))
    ('window/showDocument (semls--show-document connection params))
    ((or 'window/workDoneProgress/create 'client/registerCapability 'client/unregisterCapability)
     nil)
    (_ (jsonrpc-error :code -32601 :message (format "Emacs does not implement %s" method)))))

(defun semls--show-document (connection params)
  "Handle window/showDocument with PARAMS from CONNECTION."
  (let ((range (or (plist-get params :selection) '(:start (:line 0 :character 0)))))
    (xref-pop-to-location
     (xref-make "" (semls--location connection "" (plist-get params :uri) range)))
    '(:success t)))

(defun semls--handle-notification (connection method params)
  "Handle the notification METHOD with PARAMS from CONNECTION."
  (pcase method
    ('semls/didChangeStatus (setf (semls--state connection) params)
                            (semls--update-mode-line))
    ('$/progress (semls--show-progress (plist-get params :value)))
    ('window/showMessage (message "semls: %s" (plist-get params :message)))))

(defun semls--show-progress (progress)
  "Show the message of PROGRESS in the echo area, unless the minibuffer is active."
  (let ((text (plist-get progress :message))
        (message-log-max nil))
    (unless (or (null text) (active-minibuffer-window))
      (message "semls: %s" text))))

(defun semls--handle-shutdown (connection)
  "Drop the state of CONNECTION, which has ended."
  (setf (semls--state connection) nil)
  (semls--update-mode-line))

(defun semls--update-mode-line ()
  "Set `semls-mode-line' from the states of all indexes."
  (let* ((states (delq nil (mapcar #'semls--state (hash-table-values semls--connections))))
         (sum (lambda (key) (apply #'+ (mapcar (lambda (state) (plist-get state key)) states))))
         (chunks (funcall sum :chunks))
         (embedded (funcall sum :embedded)))
    (setq semls-mode-line
          (cond ((null states) "")
                ((cl-some (lambda (state) (not (member (plist-get state :error) '(nil "")))) states)
                 "semls (error)")
                ((cl-some #'semls--lexical-only-p states) "semls (no model)")
                ((< embedded chunks) (format "semls %d%%" (floor (* 100 embedded) chunks)))
                (t "semls"))))
  (force-mode-line-update t))

;;;; Files and buffers

(defun semls--current-root ()
  "Return the root of the current buffer's project, or the folder of its file.
A buffer without either uses its `default-directory'."
  (let* ((project (project-current))
         (root (cond (project (project-root project))
                     (buffer-file-name (file-name-directory buffer-file-name))
                     (t default-directory))))
    (when (file-remote-p root)
      (user-error "Remote files are not supported: %s" root))
    (unless (or project (not (file-equal-p root "~")))
      (user-error "The home folder is too large to index: visit a file of a project first"))
    (file-name-as-directory (file-truename root))))

(defun semls--uri (file)
  "Return the URI of FILE."
  (concat "file://" (if (eq system-type 'windows-nt) "/" "")
          (url-hexify-string (directory-file-name (file-truename file)) url-path-allowed-chars)))

(defun semls--path (uri)
  "Return the path of the file URI."
  (let ((path (decode-coding-string
               (url-unhex-string (url-filename (url-generic-parse-url uri))) 'utf-8)))
    (if (eq system-type 'windows-nt) (substring path 1) path)))

(defun semls--modified (root)
  "Return the modified buffers of files below ROOT, as ((URI . TICK) . BUFFER)."
  (cl-loop for buffer in (buffer-list)
           for file = (buffer-file-name buffer)
           when (and file (buffer-modified-p buffer)
                     (not (file-remote-p file)) (file-in-directory-p file root))
           collect (cons (cons (semls--uri file) (buffer-chars-modified-tick buffer)) buffer)))

(defun semls--send-buffers (connection)
  "Send unsaved text to CONNECTION, so that positions refer to the buffers."
  (let* ((modified (semls--modified (semls--root connection)))
         (sent (semls--sent connection)))
    (setf (semls--sent connection) (mapcar #'car modified))
    (dolist (closed (cl-set-difference sent (mapcar #'car modified) :test #'equal))
      (jsonrpc-notify connection 'textDocument/didClose `(:textDocument (:uri ,(car closed)))))
    (pcase-dolist (`(,document . ,buffer) modified)
      (unless (member document sent)
        (jsonrpc-notify connection 'textDocument/didOpen (semls--document document buffer))))))

(defun semls--document (document buffer)
  "Return the didOpen parameters for DOCUMENT (URI . TICK), the text of BUFFER."
  (list :textDocument (list :uri (car document) :version (cdr document) :languageId ""
                            :text (with-current-buffer buffer
                                    (save-restriction
                                      (widen)
                                      (semls--valid-text (buffer-string)))))))

(defun semls--valid-text (text)
  "Return TEXT with the raw bytes and surrogates replaced that JSON cannot encode.
Its length does not change."
  (replace-regexp-in-string (rx (any (#xd800 . #xdfff) (#x3fff80 . #x3fffff))) "\N{REPLACEMENT CHARACTER}"
                            (substring-no-properties (string-to-multibyte text))))

;;;; Locations

(cl-defstruct (semls--location (:constructor semls--make-location))
  "A location for xref.  LINE and COLUMN count from 0, COLUMN in units of ENCODING."
  file line column encoding group)

(defun semls--location (connection group uri range)
  "Return the location of the start of RANGE in URI, which CONNECTION sent.
xref lists it in GROUP."
  (let ((start (plist-get range :start)))
    (semls--make-location :file (semls--path uri) :line (plist-get start :line)
                          :column (plist-get start :character)
                          :encoding (semls--encoding connection) :group group)))

(cl-defmethod xref-location-marker ((location semls--location))
  "Return the marker of LOCATION in the buffer of its file."
  (setq semls--visited location)
  (with-current-buffer (find-file-noselect (semls--location-file location))
    (semls--marker location)))

(cl-defmethod xref-location-group ((location semls--location))
  "Return the group of LOCATION."
  (semls--location-group location))

(defun semls--marker (location)
  "Return the marker of LOCATION in the current buffer."
  (save-excursion
    (save-restriction
      (widen)
      (goto-char (point-min))
      (forward-line (semls--location-line location))
      (let ((column (semls--location-column location)))
        (while (and (> column 0) (not (eolp)))
          (cl-decf column (semls--units (char-after) (semls--location-encoding location)))
          (forward-char)))
      (point-marker))))

(defun semls--units (char encoding)
  "Return the number of code units of CHAR in ENCODING."
  (if (and (equal encoding "utf-16") (> char #xffff)) 2 1))

;;;; Hits

(defun semls--search (root query)
  "Return the answer for QUERY in ROOT, with the best hits first."
  (semls--ask root 'semls/search (list :query query :limit semls-limit)))

(defun semls--search-by-file (root query)
  "Return the hits for QUERY in ROOT as xref items, the best file first.
If no hit is a strong match, or without a model, say so in the echo area."
  (let* ((params (list :query query :limit semls-limit :group "file" :wait t))
         (answer (semls--ask root 'semls/search params)))
    (when-let ((heading (semls--heading root answer)))
      ;; xref clears the echo area.
      (run-with-timer 0 nil #'message "%s %s" heading query))
    (semls--items root nil (plist-get answer :hits))))

(defun semls--weak-p (answer)
  "Return non-nil if no hit of ANSWER is a strong match, although there are hits."
  (and (not (seq-empty-p (plist-get answer :hits)))
       (< (plist-get answer :confidence) semls--min-confidence)))

(defun semls--heading (root answer)
  "Return the heading of ANSWER in ROOT: whether it is weak, or without a model."
  (let ((notes (remq nil (list (and (semls--weak-p answer) "No strong match; nearest:")
                               (and (semls--lexical-only-p (semls--state (gethash root semls--connections)))
                                    "(full-text search only)")))))
    (and notes (string-join notes " "))))

(defun semls--lexical-only-p (state)
  "Return non-nil if a folder with STATE has no model, so no code is embedded."
  (and (equal (plist-get state :phase) "ready")
       (equal (plist-get state :model) "")
       (> (plist-get state :chunks) 0)))

(defun semls--items (root group hits)
  "Return HITS of the server of ROOT as xref items.
xref lists them in GROUP, or if that is nil, each in a group for its file."
  (let ((connection (semls--connection-of root)))
    (mapcar (lambda (hit)
              (xref-make (semls--summary hit (if group (semls--label hit) (semls--short-label hit)))
                         (semls--location connection (or group (plist-get hit :path))
                                          (plist-get hit :uri) (plist-get hit :selectionRange))))
            hits)))

(defun semls--summary (hit label)
  "Return a line for HIT, with its LABEL and its details as text properties."
  (let ((details (format "  %s  %s" (plist-get hit :kind) (semls--text hit))))
    (propertize (concat label details) 'semls-label label 'semls-details details)))

(defun semls--label (hit)
  "Return the name and the location of HIT."
  (let ((path (format "%s:%d" (plist-get hit :path) (1+ (semls--row hit :selectionRange)))))
    (concat (semls--name hit) "  " (propertize path 'face 'shadow))))

(defun semls--short-label (hit)
  "Return the line and the name of HIT."
  (let ((line (format "%d:" (1+ (semls--row hit :selectionRange)))))
    (concat (propertize line 'face 'xref-line-number) " " (semls--name hit))))

(defun semls--name (hit)
  "Return the name of HIT with its container."
  (string-join (remove "" (list (plist-get hit :container) (plist-get hit :name))) "."))

(defun semls--text (hit)
  "Return the most telling line of HIT, as in the terminal.  A copy has none."
  (or (plist-get (plist-get hit :best) :text) "exact duplicate"))

(defun semls--row (hit range)
  "Return the first row of RANGE, a property of HIT."
  (plist-get (plist-get (plist-get hit range) :start) :line))

(defun semls--list (fetch)
  "Show the xref items from the function FETCH, in their order."
  (let ((items (funcall fetch)))
    (unless items
      (user-error "No hits"))
    (setq semls--visited nil
          semls--last (lambda () (semls--show items fetch) (semls--select semls--visited)))
    (semls--show items fetch)))

(defun semls--show (items fetch)
  "Show the xref ITEMS.  To revert the list, call the function FETCH."
  (xref-push-marker-stack)
  (funcall xref-show-xrefs-function
           (lambda () (if items (prog1 items (setq items nil)) (funcall fetch)))
           `((window . ,(selected-window)))))

(defun semls--select (location)
  "Move point to the hit at LOCATION if the selected window lists it."
  (with-current-buffer (window-buffer)
    (let ((found (save-excursion
                   (goto-char (point-min))
                   (text-property-search-forward
                    'xref-item location
                    (lambda (one item) (and item (eq one (xref-item-location item))))))))
      (when found
        (goto-char (prop-match-beginning found))))))

;;;; Search while typing, with consult

(defun semls--pick (root &optional query)
  "Search ROOT while the user types a query, and go to the selected hit.
The minibuffer initially contains QUERY."
  (let ((item (consult--read
               ;; A lambda, because consult checks the function's arity.
               (consult--dynamic-collection (lambda (query) (semls--candidates root query)))
               :prompt "Search by meaning: " :category 'semls :sort nil :require-match t
               :history '(:input semls--history)
               :initial (and query (if (fboundp 'consult--async-split-initial)
                                       (consult--async-split-initial query)
                                     query))
               :group #'semls--group
               :annotate #'semls--annotation :lookup #'semls--lookup :state (semls--preview))))
    (unless item
      (user-error "No hits"))
    (xref-push-marker-stack)
    (xref-pop-to-location item)))

(defun semls--candidates (root query)
  "Return the candidates for QUERY in ROOT, or the server's error as a candidate.
A filter that is incomplete while the user types causes such an error."
  (condition-case err
      (let* ((answer (semls--search root query))
             (heading (semls--heading root answer)))
        (setq semls--last (lambda () (semls--pick root query)))
        (mapcar (lambda (item) (semls--candidate item heading))
                (semls--items root query (plist-get answer :hits))))
    (user-error (list (propertize (error-message-string err) 'face 'error)))))

(defun semls--candidate (item heading)
  "Return the candidate for the xref ITEM of an answer with a HEADING, or nil."
  (propertize (get-text-property 0 'semls-label (xref-item-summary item))
              'semls-item item 'semls-heading heading))

(defun semls--group (candidate transform)
  "Return CANDIDATE if TRANSFORM, otherwise the heading above it, if any."
  (if transform candidate (get-text-property 0 'semls-heading candidate)))

(defun semls--annotation (candidate)
  "Return the details of CANDIDATE, aligned to the center of the window."
  (when-let ((item (get-text-property 0 'semls-item candidate)))
    (concat (propertize " " 'display '(space :align-to center))
            (propertize (get-text-property 0 'semls-details (xref-item-summary item))
                        'face 'completions-annotations))))

(defun semls--lookup (selected candidates &rest _)
  "Return the xref item of SELECTED, one of CANDIDATES."
  (when-let ((found (car (member selected candidates))))
    (get-text-property 0 'semls-item found)))

(defun semls--preview ()
  "Return a state function with which consult previews hits."
  (let ((open (consult--temporary-files))
        (jump (consult--jump-preview)))
    (lambda (action item)
      (unless item
        (funcall open))
      (funcall jump action (and item (eq action 'preview)
                                (semls--preview-marker open (xref-item-location item)))))))

(defun semls--preview-marker (open location)
  "Return the marker of LOCATION in its buffer, which the function OPEN opens."
  (when-let ((buffer (funcall open (semls--location-file location))))
    (with-current-buffer buffer
      (semls--marker location))))

;;;; Commands

(defun semls--read-query ()
  "Read a query in the minibuffer."
  (read-string "Search by meaning: " nil 'semls--history))

;;;###autoload
(defun semls-search (&optional query)
  "Search the project by meaning and go to a hit.
With consult, search while typing.  Without it, or with a prefix
argument, list the hits for QUERY by file, the best file first."
  (interactive (unless (and (not current-prefix-arg) (require 'consult nil t))
                 (list (semls--read-query))))
  (let ((root (semls--current-root)))
    (semls--connection-of root)
    (if query
        (semls--list (lambda () (semls--search-by-file root query)))
      (semls--pick root))))

;;;###autoload
(defun semls-last ()
  "Show the last search, or list of similar code, again."
  (interactive)
  (unless semls--last
    (user-error "Nothing has been searched yet"))
  (funcall semls--last))

;;;###autoload
(defun semls-similar ()
  "List code that is similar to the code at point, and its exact duplicates.
If the region is active, compare with the code at its beginning."
  (interactive)
  (unless buffer-file-name
    (user-error "The current buffer does not visit a file"))
  (let* ((root (semls--current-root))
         (position (if (use-region-p) (region-beginning) (point)))
         (params (list :uri (semls--uri buffer-file-name) :limit semls-limit
                       :position (list :line (1- (line-number-at-pos position t)) :character 0))))
    (semls--list (lambda () (semls--similar root params)))))

(defun semls--similar (root params)
  "Return the copies and the similar code for PARAMS in ROOT as xref items."
  (let ((answer (semls--ask root 'semls/similar params)))
    (semls--items root (concat "Similar to " (plist-get answer :name))
                  (vconcat (plist-get answer :copies) (plist-get answer :hits)))))

;;;###autoload
(defun semls-context (query)
  "Collect the code that answers QUERY as Markdown, for a language model.
Show it in a buffer and add it to the kill ring."
  (interactive (list (read-string "Context for a question: " nil 'semls--history)))
  (let* ((root (semls--current-root))
         (markdown (plist-get (semls--ask root 'semls/context (list :query query)) :markdown)))
    (kill-new markdown)
    (pop-to-buffer "*semls context*")
    (erase-buffer)
    (insert markdown)
    (goto-char (point-min))
    (if (fboundp 'markdown-mode) (markdown-mode) (text-mode))
    (setq default-directory root)))

;;;###autoload
(defun semls-ask (question)
  "Ask the user's language model QUESTION about the project.
The code that answers it is sent to the model that the environment of
Emacs names.  Show the answer, with links to the code that it cites."
  (interactive (list (read-string "Ask: " nil 'semls--history)))
  (let* ((root (semls--current-root))
         (connection (semls--connection-of root)))
    (semls--send-buffers connection)
    (jsonrpc-async-request
     connection 'workspace/executeCommand
     (list :command "semls.ask" :arguments (vector (list :query question)))
     :timeout semls--ask-timeout
     :success-fn (lambda (result) (semls--show-answer root question result))
     :error-fn (lambda (problem) (message "semls: %s" (plist-get problem :message)))
     :timeout-fn (lambda () (message "semls: the language model has not answered")))
    (message "semls: asking the language model")))

(defun semls--show-answer (root question result)
  "Show RESULT, the answer to QUESTION about ROOT, in a buffer."
  (let ((answer (plist-get result :answer))
        (connection (semls--connection-of root)))
    (if (equal answer "")
        (message "semls: no code matches the question")
      (with-current-buffer (get-buffer-create "*semls answer*")
        (semls-answer-mode)
        (setq default-directory root)
        (let ((inhibit-read-only t))
          (erase-buffer)
          (insert (propertize question 'face 'bold) "\n\n" answer "\n\n")
          (mapc (lambda (citation) (semls--link connection citation)) (plist-get result :citations)))
        (goto-char (point-min))
        (display-buffer (current-buffer))
        (message nil))))) ; the progress

(defun semls--link (connection citation)
  "Turn the text of CITATION, from CONNECTION, into links.
Append a line with its code."
  (let* ((text (plist-get citation :text))
         (location (semls--location connection "" (plist-get citation :uri) (plist-get citation :range)))
         (action (lambda (_) (xref-push-marker-stack)
                   (xref-pop-to-location (xref-make text location) 'window)))
         (code (plist-get citation :code)))
    (insert "- " text "  " (propertize code 'face 'shadow) "\n")
    (save-excursion
      (goto-char (point-min))
      (while (re-search-forward (concat (regexp-quote text) "\\_>") nil t)
        (unless (button-at (match-beginning 0))
          (make-text-button (match-beginning 0) (match-end 0)
                            'action action 'follow-link t 'help-echo code))))))

(define-derived-mode semls-answer-mode special-mode "semls answer"
  "Mode of the answers of a language model.
Its text is not rendered: images would be loaded from other servers."
  (visual-line-mode)
  (define-key semls-answer-mode-map (kbd "TAB") #'forward-button)
  (define-key semls-answer-mode-map (kbd "<backtab>") #'backward-button))

;;;###autoload
(defun semls-status ()
  "Show the state of the index."
  (interactive)
  (message "%s" (mapconcat #'semls--describe (plist-get (semls--execute "semls.status") :folders) "\n")))

(defun semls--describe (folder)
  "Return a description of the state of FOLDER."
  (let ((model (plist-get folder :model)))
    (string-join
     (remove "" (list (format "%s: %s, %d files, %d of %d chunks embedded, %s"
                              (plist-get folder :workspace) (plist-get folder :phase)
                              (plist-get folder :files)
                              (plist-get folder :embedded) (plist-get folder :chunks)
                              (if (equal model "")
                                  "full-text search only"
                                (format "%s on %s" model (plist-get folder :device))))
                      (plist-get folder :notice) (plist-get folder :error)))
     "\n")))

;;;###autoload
(defun semls-reindex ()
  "Update the index: compare all files with it."
  (interactive)
  (semls--execute "semls.reindex")
  (message "semls: updating the index"))

;;;###autoload
(defun semls-clear ()
  "Delete the index and rebuild it."
  (interactive)
  (semls--execute "semls.clear")
  (message "semls: rebuilding the index"))

;;;###autoload
(defun semls-pause ()
  "Pause embedding until `semls-resume'."
  (interactive)
  (semls--execute "semls.pause")
  (message "semls: embedding paused until M-x semls-resume"))

;;;###autoload
(defun semls-resume ()
  "Resume embedding."
  (interactive)
  (semls--execute "semls.resume")
  (message "semls: embedding resumed"))

;;;###autoload
(defun semls-restart ()
  "Stop all servers and restart the server of the current project."
  (interactive)
  (semls--stop-all)
  (semls--connection-of (semls--current-root))
  (message "semls: server restarted"))

;;;###autoload
(defun semls-log ()
  "Show what the current project's server has written to standard error."
  (interactive)
  (let* ((connection (gethash (semls--current-root) semls--connections))
         (log (and connection (jsonrpc-stderr-buffer connection))))
    (unless (buffer-live-p log)
      (user-error "No server has been started for this project"))
    (pop-to-buffer log)))

;;;###autoload
(defvar semls-command-map
  (let ((map (make-sparse-keymap)))
    (define-key map "s" #'semls-search)
    (define-key map "." #'semls-last)
    (define-key map "l" #'semls-similar)
    (define-key map "a" #'semls-ask)
    (define-key map "c" #'semls-context)
    (define-key map "S" #'semls-status)
    (define-key map "R" #'semls-reindex)
    (define-key map "C" #'semls-clear)
    (define-key map "p" #'semls-pause)
    (define-key map "r" #'semls-resume)
    (define-key map "x" #'semls-restart)
    (define-key map "L" #'semls-log)
    map)
  "Keymap of the commands of semls.  Bind it to a prefix key.")

;;;; Embark

(defvar semls-embark-map
  (let ((map (make-sparse-keymap)))
    (define-key map "o" #'semls-open-in-other-window)
    (define-key map "l" #'semls-similar-to-hit)
    (define-key map "w" #'semls-copy-location)
    map)
  "Keymap of the actions on a hit, with embark.")

(defun semls-open-in-other-window (candidate)
  "Open the hit CANDIDATE in another window."
  (xref-push-marker-stack)
  (xref-pop-to-location (semls--item candidate) 'window))

(defun semls-similar-to-hit (candidate)
  "List code that is similar to the hit CANDIDATE."
  (let ((marker (xref-location-marker (xref-item-location (semls--item candidate)))))
    (with-current-buffer (marker-buffer marker)
      (save-excursion
        (goto-char marker)
        (semls-similar)))))

(defun semls-copy-location (candidate)
  "Add the path and the line of the hit CANDIDATE to the kill ring."
  (let ((location (xref-item-location (semls--item candidate))))
    (kill-new (format "%s:%d" (semls--location-file location) (1+ (semls--location-line location))))
    (message "Copied %s" (current-kill 0))))

(defun semls--export (candidates)
  "List the hits CANDIDATES in an xref buffer, in their order."
  (let ((items (mapcar #'semls--item candidates)))
    (semls--list (lambda () items))))

(defun semls--item (candidate)
  "Return the xref item of CANDIDATE."
  (or (get-text-property 0 'semls-item candidate) (user-error "No hit at point")))

(with-eval-after-load 'embark
  (set-keymap-parent semls-embark-map embark-general-map)
  (setf (alist-get 'semls embark-keymap-alist) 'semls-embark-map
        (alist-get 'semls embark-exporters-alist) #'semls--export))

(provide 'semls)
;;; semls.el ends here
