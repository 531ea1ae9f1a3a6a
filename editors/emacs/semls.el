;;; semls.el --- Search code by meaning  -*- lexical-binding: t; -*-

;; Copyright (c) 2026 The semls authors

;; Author: The semls authors
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: tools, matching
;; URL: https://pypi.org/project/semls
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; Ask where something is done, in plain words, and go to the function that
;; does it: M-x semls-search.  The program `semls' reads and embeds the code
;; on this machine.
;;
;; A buffer has one server in Eglot, that of its language, so this is a client
;; of its own, made of the built-in jsonrpc.  It runs beside Eglot, beside
;; lsp-mode, and without either, in the same way: one server for each project,
;; started by the first command and again by the next one after it died.

;;; Code:

(require 'cl-lib)
(require 'jsonrpc)
(require 'project)
(require 'seq)
(require 'subr-x)
(require 'url-parse)
(require 'url-util)
(require 'xref)

(declare-function consult--read "consult")
(declare-function consult--dynamic-collection "consult")
(declare-function consult--jump-preview "consult")
(declare-function consult--temporary-files "consult")

(defgroup semls nil
  "Search code by meaning."
  :group 'tools
  :prefix "semls-")

(defcustom semls-command '("semls" "lsp")
  "The server: a program and its arguments."
  :type '(repeat string)
  :risky t)

(defcustom semls-settings nil
  "What the server is to use: a property list of :model, :revision and :store.
The README of semls describes them.  They count when a server starts, as
they are in the buffer that it is started from."
  :type '(plist :options ((:model string) (:revision string) (:store plist))))

(defcustom semls-limit 50
  "How many hits a search gives."
  :type 'natnum
  :safe #'natnump)

(defconst semls--patience 120
  "Seconds that an answer may take.")

(defconst semls--farewell 3
  "Seconds that servers have to leave by themselves.")

(defvar semls--history nil
  "What has been asked.")

(defvar semls-mode-line ""
  "How far the index is: \"semls 42%\", \"semls\" when all is embedded.
It is empty without a server.  Put it into `mode-line-misc-info' to see it.")

;;;; The server

(defclass semls--connection (jsonrpc-process-connection)
  ((encoding :initform "utf-16" :accessor semls--encoding
             :documentation "What the columns count.")
   (settings :initarg :settings :reader semls--settings)
   (root :initarg :root :reader semls--root)
   (state :initform nil :accessor semls--state
          :documentation "What the server told of the index last.")
   (sent :initform nil :accessor semls--sent
         :documentation "The buffers that the server knows: (URI . TICK).")
   ;; Printing every message takes longer than a search.  jsonrpc has one
   ;; name for this until Emacs 29, another one afterwards.
   (-events-buffer-scrollback-size :initform 0)
   (-events-buffer-config :initform '(:size 0 :format full)))
  "A server, and what is known of it.")

(defvar semls--connections (make-hash-table :test #'equal)
  "The servers by root, also those that died.")

(defmacro semls--talking (connection &rest body)
  "BODY, with what CONNECTION refuses, and its end, as user errors."
  (declare (indent 1))
  `(condition-case problem
       (progn ,@body)
     (error (semls--complain ,connection problem))))

(defun semls--connection-of (root)
  "The server of ROOT, started if need be."
  (let ((known (gethash root semls--connections)))
    (if (and known (jsonrpc-running-p known)) known (semls--start root))))

(defun semls--start (root)
  "Start a server for ROOT."
  (let ((connection (semls--process root)) ready)
    (puthash root connection semls--connections)
    (add-hook 'kill-emacs-hook #'semls--dismiss-all)
    (unwind-protect
        (semls--talking connection
          (semls--greet connection)
          (setq ready t))
      (unless ready ; also after a quit
        (jsonrpc-shutdown connection)))
    connection))

(defun semls--greet (connection)
  "Agree with the server of CONNECTION on what both can do."
  (let ((answer (semls--request connection 'initialize (semls--introduction connection))))
    (setf (semls--encoding connection)
          (or (plist-get (plist-get answer :capabilities) :positionEncoding) "utf-16"))
    (jsonrpc-notify connection 'initialized (make-hash-table))))

(defun semls--process (root)
  "A connection to a new process for ROOT."
  (let ((name (format "semls %s" (abbreviate-file-name root)))
        (command (cons (semls--program) (cdr semls-command))))
    (make-instance
     'semls--connection :name name :root root :settings semls-settings
     :request-dispatcher #'semls--answer
     :notification-dispatcher #'semls--hear
     :on-shutdown #'semls--forget
     :process
     (lambda ()
       (let ((default-directory root))
         (make-process :name name :command command :connection-type 'pipe
                       :coding 'utf-8-emacs-unix :noquery t
                       ;; jsonrpc finds it by this name.
                       :stderr (get-buffer-create (format "*%s stderr*" name))))))))

(defun semls--program ()
  "The path of the server's program."
  (let ((program (car semls-command)))
    (or (executable-find (if (string-prefix-p "~" program) (expand-file-name program) program))
        (user-error "The program %s is not there: install semls, or set `semls-command'" program))))

(defun semls--introduction (connection)
  "What the server of CONNECTION is told first."
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
  "Answer of CONNECTION to METHOD with PARAMS.
Inside `while-no-input' the first key ends the waiting."
  (let* ((cancel (lambda (id) (jsonrpc-notify connection '$/cancelRequest (list :id id))))
         (answer (jsonrpc-request connection method params :timeout semls--patience
                                  ;; Older versions do not call it, but take it for true.
                                  :cancel-on-input (and throw-on-input cancel)
                                  :cancel-on-input-retval 'semls--input)))
    (if (eq answer 'semls--input) (throw throw-on-input t) answer)))

(defun semls--complain (connection problem)
  "Say in a sentence what PROBLEM with CONNECTION there is."
  (cond ((not (jsonrpc-running-p connection))
         (user-error "The server has died: `semls-log' shows what it wrote"))
        ((eq (car problem) 'jsonrpc-error)
         (user-error "%s" (alist-get 'jsonrpc-error-message (cdr problem))))
        (t (signal (car problem) (cdr problem)))))

(defun semls--ask (root method params)
  "Ask the server of ROOT: METHOD with PARAMS."
  (let ((connection (semls--connection-of root)))
    (semls--talking connection
      (semls--send-buffers connection)
      (semls--request connection method params))))

(defun semls--tell (command)
  "Have the server of this buffer execute COMMAND."
  (semls--ask (semls--current-root) 'workspace/executeCommand (list :command command)))

(defun semls--dismiss-all ()
  "Tell all servers to leave, and give those that ran.
It waits for nothing: while a signal ends Emacs, that of a closed terminal,
say, Emacs hears of no process, and would wait for ever."
  (let ((running (seq-filter #'jsonrpc-running-p (hash-table-values semls--connections))))
    (clrhash semls--connections)
    (dolist (connection running running)
      (ignore-errors
        (jsonrpc-async-request connection 'shutdown nil)
        (jsonrpc-notify connection 'exit nil)))))

(defun semls--stop-all ()
  "Let all servers leave, and see that they do."
  (let ((running (semls--dismiss-all)))
    (with-timeout (semls--farewell)
      (while (cl-some #'jsonrpc-running-p running)
        (accept-process-output nil 0.05)))
    (mapc #'jsonrpc-shutdown running)))

;;;; What the server asks and tells

(defun semls--answer (connection method params)
  "Answer what CONNECTION asks: METHOD with PARAMS."
  (pcase method
    ('workspace/configuration
     (vconcat (mapcar (lambda (item)
                        (and (equal (plist-get item :section) "semls") (semls--settings connection)))
                      (plist-get params :items))))
    ('window/showDocument (semls--show-document connection params))
    ((or 'window/workDoneProgress/create 'client/registerCapability 'client/unregisterCapability)
     nil)
    (_ (jsonrpc-error :code -32601 :message (format "Emacs does not answer %s" method)))))

(defun semls--show-document (connection params)
  "Show the document in PARAMS, as CONNECTION asks."
  (let ((range (or (plist-get params :selection) '(:start (:line 0 :character 0)))))
    (xref-pop-to-location
     (xref-make "" (semls--place connection "" (plist-get params :uri) range)))
    '(:success t)))

(defun semls--hear (connection method params)
  "Take the notification METHOD of CONNECTION, with PARAMS."
  (pcase method
    ('semls/didChangeStatus (setf (semls--state connection) params)
                            (semls--show-states))
    ('$/progress (semls--report (plist-get params :value)))
    ('window/showMessage (message "semls: %s" (plist-get params :message)))))

(defun semls--report (progress)
  "Show the message of PROGRESS in the echo area, unless somebody is typing there."
  (let ((text (plist-get progress :message))
        (message-log-max nil))
    (unless (or (null text) (active-minibuffer-window))
      (message "semls: %s" text))))

(defun semls--forget (connection)
  "Drop the state of CONNECTION, which has ended."
  (setf (semls--state connection) nil)
  (semls--show-states))

(defun semls--show-states ()
  "Put how far the indexes are into `semls-mode-line'."
  (let* ((states (delq nil (mapcar #'semls--state (hash-table-values semls--connections))))
         (count (lambda (key) (apply #'+ (mapcar (lambda (state) (plist-get state key)) states))))
         (chunks (funcall count :chunks))
         (embedded (funcall count :embedded)))
    (setq semls-mode-line
          (cond ((null states) "")
                ((< embedded chunks) (format "semls %d%%" (floor (* 100 embedded) chunks)))
                (t "semls"))))
  (force-mode-line-update t))

;;;; Files and buffers

(defun semls--current-root ()
  "The project of this buffer, else the folder of its file, else the directory."
  (let* ((project (project-current))
         (root (cond (project (project-root project))
                     (buffer-file-name (file-name-directory buffer-file-name))
                     (t default-directory))))
    (when (file-remote-p root)
      (user-error "The server searches on this machine: %s is elsewhere" root))
    (unless (or project (not (file-equal-p root "~")))
      (user-error "All of your home folder would be read: visit a file of a project first"))
    (file-name-as-directory (file-truename root))))

(defun semls--uri (file)
  "The URI of FILE."
  (concat "file://" (if (eq system-type 'windows-nt) "/" "")
          (url-hexify-string (directory-file-name (file-truename file)) url-path-allowed-chars)))

(defun semls--path (uri)
  "The path of a file with URI."
  (let ((path (decode-coding-string
               (url-unhex-string (url-filename (url-generic-parse-url uri))) 'utf-8)))
    (if (eq system-type 'windows-nt) (substring path 1) path)))

(defun semls--modified (root)
  "Buffers below ROOT that are not saved: ((URI . TICK) . BUFFER)."
  (cl-loop for buffer in (buffer-list)
           for file = (buffer-file-name buffer)
           when (and file (buffer-modified-p buffer)
                     (not (file-remote-p file)) (file-in-directory-p file root))
           collect (cons (cons (semls--uri file) (buffer-chars-modified-tick buffer)) buffer)))

(defun semls--send-buffers (connection)
  "Tell CONNECTION what is not saved, so that it gives positions in the buffers."
  (let* ((modified (semls--modified (semls--root connection)))
         (known (semls--sent connection)))
    (setf (semls--sent connection) (mapcar #'car modified))
    (dolist (gone (cl-set-difference known (mapcar #'car modified) :test #'equal))
      (jsonrpc-notify connection 'textDocument/didClose `(:textDocument (:uri ,(car gone)))))
    (pcase-dolist (`(,document . ,buffer) modified)
      (unless (member document known)
        (jsonrpc-notify connection 'textDocument/didOpen (semls--document document buffer))))))

(defun semls--document (document buffer)
  "What a server is told of DOCUMENT, the text of BUFFER."
  (list :textDocument (list :uri (car document) :version (cdr document) :languageId ""
                            :text (with-current-buffer buffer
                                    (save-restriction
                                      (widen)
                                      (semls--plain (buffer-string)))))))

(defun semls--plain (text)
  "TEXT without bytes and surrogates that JSON does not take, as long as before."
  (replace-regexp-in-string (rx (any (#xd800 . #xdfff) (#x3fff80 . #x3fffff))) "\N{REPLACEMENT CHARACTER}"
                            (substring-no-properties (string-to-multibyte text))))

;;;; Places

(cl-defstruct (semls--place (:constructor semls--make-place))
  "Where something is, for xref; lines and columns are from 0, columns as ENCODING counts."
  file line column encoding group)

(defun semls--place (connection group uri range)
  "The place that CONNECTION gives as the start of RANGE in URI, listed in GROUP."
  (let ((start (plist-get range :start)))
    (semls--make-place :file (semls--path uri) :line (plist-get start :line)
                       :column (plist-get start :character)
                       :encoding (semls--encoding connection) :group group)))

(cl-defmethod xref-location-marker ((place semls--place))
  "Where PLACE is in the buffer of its file."
  (with-current-buffer (find-file-noselect (semls--place-file place))
    (semls--marker place)))

(cl-defmethod xref-location-group ((place semls--place))
  "What PLACE is listed below: grouped by files, hits would lose their order."
  (semls--place-group place))

(defun semls--marker (place)
  "Where PLACE is in this buffer."
  (save-excursion
    (save-restriction
      (widen)
      (goto-char (point-min))
      (forward-line (semls--place-line place))
      (let ((column (semls--place-column place)))
        (while (and (> column 0) (not (eolp)))
          (cl-decf column (semls--units (char-after) (semls--place-encoding place)))
          (forward-char)))
      (point-marker))))

(defun semls--units (char encoding)
  "How many units CHAR has in ENCODING."
  (if (and (equal encoding "utf-16") (> char #xffff)) 2 1))

;;;; Hits

(defun semls--search (root query)
  "Hits for QUERY in ROOT, best first, as xref items."
  (let ((answer (semls--ask root 'semls/search (list :query query :limit semls-limit))))
    (semls--items root query (plist-get answer :hits))))

(defun semls--items (root group hits)
  "HITS of the server of ROOT as xref items that are listed in GROUP."
  (let ((connection (semls--connection-of root)))
    (mapcar (lambda (hit)
              (xref-make (semls--summary hit)
                         (semls--place connection group (plist-get hit :uri) (plist-get hit :selectionRange))))
            hits)))

(defun semls--summary (hit)
  "A line for HIT, with its two halves as properties."
  (let ((label (semls--label hit))
        (details (format "  %s  %s" (plist-get hit :kind) (semls--text hit))))
    (propertize (concat label details) 'semls-label label 'semls-details details)))

(defun semls--label (hit)
  "The name and the place of HIT."
  (let ((path (format "%s:%d" (plist-get hit :path) (1+ (semls--row hit :selectionRange)))))
    (concat (string-join (remove "" (list (plist-get hit :container) (plist-get hit :name))) ".")
            "  " (propertize path 'face 'shadow))))

(defun semls--text (hit)
  "The line of HIT that has its name; empty where the server gives no text."
  (let ((lines (split-string (or (plist-get hit :snippet) "") "\n")))
    (string-trim (or (nth (- (semls--row hit :selectionRange) (semls--row hit :range)) lines) ""))))

(defun semls--row (hit range)
  "The first row of RANGE of HIT."
  (plist-get (plist-get (plist-get hit range) :start) :line))

(defun semls--list (fetch)
  "List the xref items that FETCH gives, in their order."
  (xref-push-marker-stack)
  (funcall xref-show-xrefs-function
           (lambda () (or (funcall fetch) (user-error "Nothing is found")))
           `((window . ,(selected-window)))))

;;;; Searching while one types

(defun semls--pick (root)
  "Let a hit in ROOT be chosen while a question is typed, and go there."
  (let ((item (consult--read
               ;; A lambda, as consult looks at the number of its arguments.
               (consult--dynamic-collection (lambda (query) (semls--candidates root query)))
               :prompt "Search by meaning: " :category 'semls :sort nil :require-match t
               :history '(:input semls--history)
               :annotate #'semls--annotation :lookup #'semls--chosen :state (semls--preview))))
    (unless item
      (user-error "Nothing is found"))
    (xref-push-marker-stack)
    (xref-pop-to-location item)))

(defun semls--candidates (root query)
  "Hits for QUERY in ROOT; else a sentence, about a filter that is half typed, say."
  (condition-case problem
      (mapcar #'semls--candidate (semls--search root query))
    (user-error (list (propertize (error-message-string problem) 'face 'error)))))

(defun semls--candidate (item)
  "The xref ITEM as a string to choose."
  (propertize (get-text-property 0 'semls-label (xref-item-summary item)) 'semls-item item))

(defun semls--annotation (candidate)
  "What stands beside CANDIDATE, in the middle of the window."
  (when-let ((item (get-text-property 0 'semls-item candidate)))
    (concat (propertize " " 'display '(space :align-to center))
            (propertize (get-text-property 0 'semls-details (xref-item-summary item))
                        'face 'completions-annotations))))

(defun semls--chosen (selected candidates &rest _)
  "The xref item of SELECTED, one of CANDIDATES."
  (when-let ((found (car (member selected candidates))))
    (get-text-property 0 'semls-item found)))

(defun semls--preview ()
  "A state function for consult, to show where a hit is."
  (let ((open (consult--temporary-files))
        (jump (consult--jump-preview)))
    (lambda (action item)
      (unless item
        (funcall open))
      (funcall jump action (and item (eq action 'preview)
                                (semls--preview-marker open (xref-item-location item)))))))

(defun semls--preview-marker (open place)
  "Where PLACE is in a buffer of its file, which OPEN gives."
  (when-let ((buffer (funcall open (semls--place-file place))))
    (with-current-buffer buffer
      (semls--marker place))))

;;;; Commands

(defun semls--read ()
  "Ask for a question."
  (read-string "Search by meaning: " nil 'semls--history))

;;;###autoload
(defun semls-search (&optional query)
  "Search the project by meaning, and go to a hit.
With consult, hits are shown while you type.  Without it, and with a
prefix argument, the hits for QUERY are listed, best first."
  (interactive (unless (and (not current-prefix-arg) (require 'consult nil t))
                 (list (semls--read))))
  (let ((root (semls--current-root)))
    (semls--connection-of root)
    (if query
        (semls--list (lambda () (semls--search root query)))
      (semls--pick root))))

;;;###autoload
(defun semls-similar ()
  "List other code that does what the code at point does.
With an active region, that at its beginning."
  (interactive)
  (unless buffer-file-name
    (user-error "Put point into the code to compare with, in a file"))
  (let* ((root (semls--current-root))
         (position (if (use-region-p) (region-beginning) (point)))
         (asked (list :uri (semls--uri buffer-file-name) :limit semls-limit
                      :position (list :line (1- (line-number-at-pos position t)) :character 0))))
    (semls--list (lambda () (semls--alike root asked)))))

(defun semls--alike (root asked)
  "Copies of what is ASKED about in ROOT, and what is like it, as xref items."
  (let ((answer (semls--ask root 'semls/similar asked)))
    (semls--items root (concat "Like " (plist-get answer :name))
                  (vconcat (plist-get answer :copies) (plist-get answer :hits)))))

;;;###autoload
(defun semls-context (query)
  "Collect the code that answers QUERY, for a language model to read.
It is shown as Markdown, and is in the kill ring."
  (interactive (list (read-string "What is to be answered: " nil 'semls--history)))
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
(defun semls-status ()
  "Tell how far the index is."
  (interactive)
  (message "%s" (mapconcat #'semls--sentence (plist-get (semls--tell "semls.status") :folders) "\n")))

(defun semls--sentence (folder)
  "The state of FOLDER in words."
  (let ((model (plist-get folder :model)))
    (string-join
     (remove "" (list (format "%s: %s, %d files, %d of %d chunks embedded, %s"
                              (plist-get folder :workspace) (plist-get folder :phase)
                              (plist-get folder :files)
                              (plist-get folder :embedded) (plist-get folder :chunks)
                              (if (equal model "")
                                  "words alone"
                                (format "%s on %s" model (plist-get folder :device))))
                      (plist-get folder :notice) (plist-get folder :error)))
     "\n")))

;;;###autoload
(defun semls-reindex ()
  "Look at all files again."
  (interactive)
  (semls--tell "semls.reindex")
  (message "semls: all files are looked at again"))

;;;###autoload
(defun semls-clear ()
  "Delete the index, and make it anew."
  (interactive)
  (semls--tell "semls.clear")
  (message "semls: the index is made anew"))

;;;###autoload
(defun semls-pause ()
  "Embed nothing until `semls-resume'."
  (interactive)
  (semls--tell "semls.pause")
  (message "semls: nothing is embedded until M-x semls-resume"))

;;;###autoload
(defun semls-resume ()
  "Go on embedding."
  (interactive)
  (semls--tell "semls.resume")
  (message "semls: embedding goes on"))

;;;###autoload
(defun semls-restart ()
  "Stop all servers, and start that of this project again."
  (interactive)
  (semls--stop-all)
  (semls--connection-of (semls--current-root))
  (message "semls: the server runs again"))

;;;###autoload
(defun semls-log ()
  "Show what the server of this project has written to its standard error."
  (interactive)
  (let* ((connection (gethash (semls--current-root) semls--connections))
         (log (and connection (jsonrpc-stderr-buffer connection))))
    (unless (buffer-live-p log)
      (user-error "No server was started here"))
    (pop-to-buffer log)))

;;;###autoload
(defvar semls-command-map
  (let ((map (make-sparse-keymap)))
    (define-key map "s" #'semls-search)
    (define-key map "l" #'semls-similar)
    (define-key map "c" #'semls-context)
    (define-key map "S" #'semls-status)
    (define-key map "R" #'semls-reindex)
    (define-key map "C" #'semls-clear)
    (define-key map "p" #'semls-pause)
    (define-key map "r" #'semls-resume)
    (define-key map "x" #'semls-restart)
    (define-key map "L" #'semls-log)
    map)
  "The commands of semls, to be bound to a prefix key.")

(provide 'semls)
;;; semls.el ends here
