;;; test-semls.el --- Tests of semls.el with the real server  -*- lexical-binding: t; -*-

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pulse)
(require 'semls)

(defconst test-query "throw out visitors who were idle for too long")

(defconst test-weak-query "zebra quantum pancakes")

(defconst test-location '("session.rs" 27 11)
  "File, line and column of the name `evict_expired'.")

(defun test-path (&rest parts)
  "Return the absolute path of PARTS in the test workspaces."
  (expand-file-name (string-join parts "/") (getenv "SEMLS_TEST_FOLDER")))

(setq semls-command (list (getenv "SEMLS_TEST_PROGRAM") "lsp")
      pulse-flag nil) ; its timer fails if the buffer has been killed

(defmacro test-in (file &rest body)
  "Evaluate BODY while visiting FILE of the test workspaces."
  (declare (indent 1))
  `(save-window-excursion
     (let ((default-directory default-directory))
       (find-file (test-path ,file))
       ,@body)))

(defmacro test-until (condition)
  "Wait until CONDITION is non-nil and return its value."
  `(with-timeout ((string-to-number (getenv "SEMLS_TEST_HANG")) (ert-fail "Timeout"))
     (let (value)
       (while (not (setq value ,condition))
         (accept-process-output nil 0.05))
       value)))

(defun test-here ()
  "Return file, line (from 1) and column (from 0) of point."
  (with-current-buffer (window-buffer)
    (list (file-name-nondirectory buffer-file-name)
          (line-number-at-pos nil t)
          (- (point) (line-beginning-position)))))

(defun test-listed ()
  "Return the lines of the xref buffer: the first group, its hits, and so on."
  (with-current-buffer "*xref*"
    (mapcar #'string-trim (split-string (buffer-string) "\n" t))))

(defun test-go (row)
  "Visit the hit in ROW of the xref buffer."
  (with-current-buffer "*xref*"
    (goto-char (point-min))
    (forward-line row)
    (xref-goto-xref)))

(defun test-terminal (&rest arguments)
  "Return the hits that `semls search' prints for ARGUMENTS."
  (with-temp-buffer
    (apply #'call-process (car semls-command) nil '(t nil) nil "search" "--json" arguments)
    (goto-char (point-min))
    (append (plist-get (json-parse-buffer :object-type 'plist) :hits) nil)))

(defun test-root (name)
  "Return the root of workspace NAME, the key in `semls--connections'."
  (file-name-as-directory (file-truename (test-path name))))

(defun test-connection (name)
  "Return a connection NAME without a server."
  (make-instance 'semls--connection :name name :process (make-pipe-process :name name :noquery t)))

(defun test-process (name)
  "Return the process of the server of workspace NAME."
  (jsonrpc--process (gethash (test-root name) semls--connections)))

(defun test-embed ()
  "Wait until all code of the current project is embedded."
  (test-until (string-search ": ready" (semls-status))))

;;;; Search

(ert-deftest semls-test-search-lists-hits-by-file ()
  (test-in "shop/web/src/cart.ts"
    (test-embed)
    (semls-search test-query)
    (let* ((listed (test-listed))
           (hits (test-terminal test-query "--path" (test-path "shop") "-k" "50"))
           (paths (delete-dups (mapcar (lambda (hit) (plist-get hit :path)) hits)))
           path)
      (should (equal (nth 1 listed) "27: SessionStore.evict_expired  Method  Throw out everybody who was idle for too long."))
      (should (equal (cl-remove-if-not (lambda (line) (member line paths)) listed) paths))
      (dolist (line listed)
        (if (member line paths)
            (setq path line)
          (should (cl-some (lambda (hit)
                             (and (equal (plist-get hit :path) path)
                                  (string-prefix-p (semls--short-label hit) line)))
                           hits)))))))

(ert-deftest semls-test-search-hit-is-visited-and-left ()
  (test-in "shop/web/src/cart.ts"
    (semls-search test-query)
    (test-go 1)
    (should (equal (test-here) test-location))
    (xref-pop-marker-stack)
    (should (equal (car (test-here)) "cart.ts"))))

(ert-deftest semls-test-search-with-prefix-reads-a-query ()
  (test-in "shop/web/src/cart.ts"
    (cl-letf (((symbol-function 'read-string) (lambda (&rest _) test-query)))
      (let ((current-prefix-arg '(4)))
        (call-interactively #'semls-search)))
    (should (equal (car (test-listed)) "store/session.rs"))))

(ert-deftest semls-test-search-with-invalid-filter-shows-the-servers-error ()
  (test-in "shop/web/src/cart.ts"
    (let ((text (cadr (should-error (semls-search "kind:nonsense visitors") :type 'user-error))))
      (should (string-prefix-p "Unknown kind 'nonsense'. Use one of " text)))))

(ert-deftest semls-test-search-without-hits-says-so ()
  (test-in "shop/web/src/cart.ts"
    (should (equal (cadr (should-error (semls-search "path:no/such/folder visitors") :type 'user-error))
                   "No hits"))))

(ert-deftest semls-test-candidates-keep-the-order-and-are-annotated ()
  (test-in "shop/web/src/cart.ts"
    (test-embed)
    (let* ((candidates (semls--candidates (test-root "shop") test-query))
           (hits (test-terminal test-query "--path" (test-path "shop") "-k" "50"))
           (item (semls--lookup (substring-no-properties (car candidates)) candidates)))
      (should (equal (substring-no-properties (car candidates))
                     "SessionStore.evict_expired  store/session.rs:27"))
      (should (equal (mapcar #'semls--label hits) candidates))
      (cl-loop for hit in hits
               for candidate in candidates
               do (should (string-suffix-p (plist-get (plist-get hit :best) :text)
                                           (semls--annotation candidate))))
      (xref-pop-to-location item)
      (should (equal (test-here) test-location)))))

(ert-deftest semls-test-candidates-of-weak-answer-have-a-heading ()
  (test-in "shop/web/src/cart.ts"
    (test-embed)
    (let ((strong (car (semls--candidates (test-root "shop") test-query)))
          (weak (car (semls--candidates (test-root "shop") test-weak-query))))
      (should-not (semls--group strong nil))
      (should (equal (semls--group weak nil) "No strong match; nearest:"))
      (should (equal (semls--group weak t) weak)))))

(ert-deftest semls-test-search-with-weak-answer-says-so ()
  (test-in "shop/web/src/cart.ts"
    (test-embed)
    (let (shown)
      (cl-letf (((symbol-function 'message) (lambda (&rest all) (push (apply #'format all) shown))))
        (semls-search test-weak-query)
        (test-until (member (concat "No strong match; nearest: " test-weak-query) shown))))))

(ert-deftest semls-test-last-lists-the-hits-again-and-selects-the-visited-one ()
  (test-in "shop/web/src/cart.ts"
    (semls-search test-query)
    (let ((listed (test-listed)))
      (test-go 1)
      (should (equal (test-here) test-location))
      (semls-search "a debounced function")
      (test-go 1)
      (semls-search test-query)
      (test-go 4)
      (let ((here (test-here)))
        (with-current-buffer "*xref*"
          (let ((inhibit-read-only t))
            (erase-buffer)))
        (find-file (test-path "gpt/train.py"))
        (semls-last)
        (should (equal (test-listed) listed))
        (with-current-buffer "*xref*"
          (xref-goto-xref))
        (should (equal (list (car (test-here)) (cadr (test-here))) (list (car here) (cadr here))))))))

(ert-deftest semls-test-last-without-search-says-so ()
  (let ((semls--last nil))
    (should-error (semls-last) :type 'user-error)))

(ert-deftest semls-test-candidates-for-invalid-filter-are-the-servers-error ()
  (test-in "shop/web/src/cart.ts"
    (let ((candidates (semls--candidates (test-root "shop") "kind:nonsense")))
      (should (= (length candidates) 1))
      (should (string-prefix-p "Unknown kind" (car candidates)))
      (should-not (semls--lookup (car candidates) candidates)))))

(ert-deftest semls-test-candidates-input-cancels-the-request ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (let ((unread-command-events (list ?x)))
      (should (eq t (while-no-input (semls--candidates (test-root "shop") test-query) 'answered))))
    (should (semls--candidates (test-root "shop") test-query))))

;;;; The other commands

(ert-deftest semls-test-similar-lists-similar-code ()
  (test-in "gpt/model/tokenizer.py"
    (test-embed)
    (goto-char (point-min))
    (forward-line 16)
    (semls-similar)
    (should (equal (car (test-listed)) "Similar to load_encoder"))
    (should (string-prefix-p "Tokenizer.load_decoder  model/tokenizer.py:" (nth 1 (test-listed))))))

(ert-deftest semls-test-similar-with-region-uses-its-beginning ()
  (test-in "gpt/model/tokenizer.py"
    (test-embed)
    (goto-char (point-min))
    (forward-line 16)
    (push-mark (point) t t)
    (goto-char (point-max))
    (let ((transient-mark-mode t))
      (semls-similar))
    (should (equal (car (test-listed)) "Similar to load_encoder"))))

(ert-deftest semls-test-similar-without-file-is-refused ()
  (with-temp-buffer
    (should (equal (cadr (should-error (semls-similar) :type 'user-error))
                   "The current buffer does not visit a file"))))

(ert-deftest semls-test-context-is-shown-and-added-to-the-kill-ring ()
  (test-in "shop/web/src/cart.ts"
    (semls-context "how are expired sessions removed")
    (should (equal (buffer-name) "*semls context*"))
    (should (string-search "pub fn evict_expired" (buffer-string)))
    (should (equal (current-kill 0) (buffer-string)))
    (should (equal (semls--current-root) (test-root "shop")))))

(ert-deftest semls-test-ask-shows-the-answer-with-links ()
  (test-in "shop/web/src/cart.ts"
    (semls-ask "how are expired sessions removed")
    (test-until (get-buffer "*semls answer*"))
    (with-current-buffer "*semls answer*"
      (should (string-search "It is in session.rs:27, not in session.rs:999 [unverified]." (buffer-string)))
      (should (string-search "- session.rs:27  pub fn evict_expired" (buffer-string)))
      (goto-char (point-min))
      (forward-button 1)
      (should (looking-at "session.rs:27,"))
      (forward-button 1)
      (should (looking-at "session.rs:27  pub fn"))
      (should-error (forward-button 1))
      (save-window-excursion
        (push-button)
        (should (equal (seq-take (test-here) 2) '("session.rs" 27)))))
    (kill-buffer "*semls answer*")))

(ert-deftest semls-test-ask-without-a-language-model-shows-how-to-configure-one ()
  (test-in "notes/todo.py"
    (semls--stop-all)
    (let ((process-environment (append '("SEMLS_ASK_URL" "SEMLS_ASK_COMMAND") process-environment))
          shown)
      (cl-letf (((symbol-function 'message) (lambda (&rest all) (push (apply #'format all) shown))))
        (semls-ask "who waters the plants")
        (test-until (cl-some (lambda (text) (string-search "Set SEMLS_ASK_COMMAND" text)) shown))))
    (semls--stop-all)))

(ert-deftest semls-test-status-reports-the-state ()
  (test-in "shop/web/src/cart.ts"
    (test-embed)
    (test-until (equal semls-mode-line "semls"))
    (should (string-match-p
             "shop: ready, 7 files, \\([0-9]+\\) of \\1 chunks embedded, .*all-MiniLM-L6-v2 on cpu"
             (semls-status)))))

(ert-deftest semls-test-mode-line-shows-the-progress-of-all-servers ()
  (let ((semls--connections (make-hash-table)) semls-mode-line)
    (puthash 1 (test-connection "half") semls--connections)
    (puthash 2 (test-connection "new") semls--connections)
    (semls--handle-notification (gethash 1 semls--connections) 'semls/didChangeStatus '(:chunks 100 :embedded 85))
    (should (equal semls-mode-line "semls 85%"))
    (semls--handle-notification (gethash 2 semls--connections) 'semls/didChangeStatus '(:chunks 100 :embedded 0))
    (should (equal semls-mode-line "semls 42%"))
    (semls--handle-shutdown (gethash 1 semls--connections))
    (semls--handle-shutdown (gethash 2 semls--connections))
    (should (equal semls-mode-line ""))))

(ert-deftest semls-test-index-commands-change-the-state ()
  (test-in "shop/web/src/cart.ts"
    (semls-pause)
    (semls-clear)
    (test-until (string-search "shop: paused" (semls-status)))
    (semls-resume)
    (test-until (string-search "shop: ready" (semls-status)))
    (semls-reindex)
    (test-until (string-search "shop: ready" (semls-status)))
    (semls-search test-query)
    (should (nth 1 (test-listed)))))

(ert-deftest semls-test-commands-have-keys ()
  (dolist (name '("search" "last" "similar" "ask" "context" "status" "reindex" "clear" "pause" "resume" "restart" "log"))
    (let ((command (intern (concat "semls-" name))))
      (should (commandp command))
      (should (where-is-internal command semls-command-map)))))

;;;; Embark

(ert-deftest semls-test-embark-acts-on-hits ()
  (skip-unless (require 'embark nil t))
  (defvar embark-exporters-alist)
  (test-in "shop/web/src/cart.ts"
    (test-embed)
    (let* ((candidates (semls--candidates (test-root "shop") test-query))
           (hit (car candidates)))
      (funcall (lookup-key semls-embark-map "w") hit)
      (should (string-suffix-p "shop/store/session.rs:27" (current-kill 0)))
      (funcall (lookup-key semls-embark-map "l") hit)
      (should (equal (car (test-listed)) "Similar to evict_expired"))
      (save-window-excursion
        (funcall (lookup-key semls-embark-map "o") hit)
        (should (equal (test-here) test-location)))
      (funcall (alist-get 'semls embark-exporters-alist) candidates)
      (should (= (length (test-listed)) (1+ (length candidates)))))))

;;;; Servers

(ert-deftest semls-test-search-with-eglot-keeps-both-servers ()
  (skip-unless (require 'eglot nil t))
  (defvar eglot-server-programs)
  (test-in "gpt/model/tokenizer.py"
    (let ((eglot-server-programs `((python-mode . ,(split-string (getenv "SEMLS_TEST_OTHER"))))))
      (apply #'eglot (append (eglot--guess-contact) nil))
      (semls-search "turn text into numbers")
      (should (nth 1 (test-listed)))
      (should (eglot-managed-p))
      (should (equal "other server: line 3" (test-hover (eglot-current-server))))
      (test-go 1)
      (should (eglot-managed-p))
      (semls-restart)
      (should (equal "other server: line 3" (test-hover (eglot-current-server))))
      (eglot-shutdown (eglot-current-server))
      (semls-search "turn text into numbers"))))

(defun test-hover (server)
  "Return what Eglot's SERVER answers to a hover request."
  (plist-get (jsonrpc-request server :textDocument/hover
                              `( :textDocument (:uri ,(semls--uri buffer-file-name))
                                 :position (:line 3 :character 0)))
             :contents))

(ert-deftest semls-test-search-with-lsp-mode-keeps-both-servers ()
  (skip-unless (require 'lsp-mode nil t))
  (test-in "shop/worker/thumbnails.py"
    (let ((lsp-enable-file-watchers nil)
          (lsp-auto-guess-root t))
      (lsp-register-client
       (make-lsp-client :new-connection (lsp-stdio-connection (split-string (getenv "SEMLS_TEST_OTHER")))
                        :major-modes '(python-mode) :server-id 'other :priority 10))
      (lsp)
      (test-until (lsp-workspaces))
      (test-until (eq 'initialized (lsp--workspace-status (car (lsp-workspaces)))))
      (semls-search test-query)
      (should (nth 1 (test-listed)))
      (should (equal "other server: line 3"
                     (gethash "contents"
                              (lsp-request "textDocument/hover"
                                           `( :textDocument (:uri ,(semls--uri buffer-file-name))
                                              :position (:line 3 :character 0))))))
      (lsp-workspace-shutdown (car (lsp-workspaces))))))

(ert-deftest semls-test-server-runs-once-per-root ()
  (test-in "shop/web/src/cart.ts"
    (semls-search test-query))
  (test-in "shop/store/session.rs"
    (let ((running (test-process "shop")))
      (semls-search test-query)
      (should (eq running (test-process "shop")))))
  (test-in "gpt/train.py"
    (semls-search "turn text into numbers")
    (should (cl-every (lambda (line) (not (string-search "session.rs" line))) (test-listed)))
    (should (process-live-p (test-process "shop")))
    (should (process-live-p (test-process "gpt")))))

(ert-deftest semls-test-search-outside-projects-searches-the-folder ()
  (test-in "notes/todo.py"
    (should-not (project-current))
    (semls-search "water the plants")
    (test-go 1)
    (should (equal (test-here) '("todo.py" 1 4)))))

(ert-deftest semls-test-search-in-buffer-without-file-uses-the-directory ()
  (with-temp-buffer
    (setq default-directory (test-root "shop"))
    (semls-search test-query)
    (should (string-prefix-p "27: SessionStore.evict_expired" (nth 1 (test-listed))))))

(ert-deftest semls-test-search-of-remote-files-is-refused ()
  (with-temp-buffer
    (setq default-directory "/ssh:somewhere:/home/")
    (cl-letf (((symbol-function 'project-current) #'ignore))
      (should (string-prefix-p "Remote files are not supported"
                               (cadr (should-error (semls-search "anything") :type 'user-error)))))))

(ert-deftest semls-test-search-of-home-folder-is-refused ()
  (with-temp-buffer
    (setq default-directory "~/")
    (should (string-prefix-p "The home folder is too large to index"
                             (cadr (should-error (semls-search "anything") :type 'user-error))))))

(ert-deftest semls-test-start-of-missing-program-names-it ()
  (test-in "notes/todo.py"
    (semls--stop-all)
    (let ((semls-command '("/no/such/semls" "lsp")))
      (should (equal (cadr (should-error (semls-search "anything") :type 'user-error))
                     (format-message
                      "Program /no/such/semls not found: install semls, or set `semls-command'"))))))

(ert-deftest semls-test-start-failure-is-reported-and-retried ()
  (test-in "notes/todo.py"
    (semls--stop-all)
    (let ((semls-command '("sh" "-c" "echo no such luck >&2; exit 3")))
      (test-dead (lambda () (semls-search "anything")))
      (semls-log)
      (test-until (string-search "no such luck" (buffer-string))))
    (switch-to-buffer "todo.py")
    (semls-search "water the plants")))

(ert-deftest semls-test-server-killed-is-restarted-by-the-next-command ()
  (test-in "shop/web/src/cart.ts"
    (semls--stop-all)
    (semls-search test-query)
    (let ((old (test-process "shop")))
      (test-kill "shop")
      (should (equal semls-mode-line ""))
      (semls-search test-query)
      (should (string-prefix-p "27: SessionStore.evict_expired" (nth 1 (test-listed))))
      (should-not (eq old (test-process "shop"))))))

(ert-deftest semls-test-server-killed-during-request-is-reported ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (cl-letf (((symbol-function 'semls--send-buffers) (lambda (_) (test-kill "shop"))))
      (test-dead (lambda () (semls-search test-query))))))

(defun test-kill (name)
  "Kill the server of workspace NAME and wait until jsonrpc has noticed."
  (let ((process (test-process name)))
    (signal-process process 'SIGKILL)
    (test-until (process-get process 'jsonrpc-sentinel-cleanup-started))))

(defun test-dead (request)
  "Check that REQUEST reports that the server has died."
  (should (string-prefix-p "The server has died" (cadr (should-error (funcall request) :type 'user-error)))))

(ert-deftest semls-test-stop-all-shuts-servers-down ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (let ((process (test-process "shop")))
      (semls--stop-all)
      (should (eq 'exit (process-status process)))
      (should (= 0 (process-exit-status process)))
      (should (memq #'semls--request-shutdown-of-all kill-emacs-hook)))))

(ert-deftest semls-test-restart-starts-a-new-server ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (let ((old (test-process "shop")))
      (semls-restart)
      (should-not (process-live-p old))
      (should (process-live-p (test-process "shop"))))))

(ert-deftest semls-test-log-shows-the-projects-server ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (semls-log)
    (should (string-search "shop/ stderr" (buffer-name))))
  (test-in "notes/todo.py"
    (semls--stop-all)
    (should-error (semls-log) :type 'user-error)))

;;;; Locations

(defun test-columns (encodings)
  "Offer ENCODINGS and visit a name that follows characters of all widths."
  (semls--stop-all)
  (let ((original (symbol-function 'semls--initialize-params)))
    (cl-letf (((symbol-function 'semls--initialize-params)
               (lambda (connection)
                 (let ((params (funcall original connection)))
                   (plist-put (plist-get params :capabilities) :general
                              `(:positionEncodings ,encodings))
                   params))))
      (test-in "notes/signs.ts"
        (semls-search "name:reconnectSocket")
        (should (equal (semls--encoding (gethash (test-root "notes") semls--connections))
                       (aref encodings 0)))
        (test-go 1)
        (should (equal (test-here) '("signs.ts" 2 29)))))))

(ert-deftest semls-test-location-in-utf-32-has-the-right-column ()
  (test-columns ["utf-32" "utf-16"]))

(ert-deftest semls-test-location-in-utf-16-has-the-right-column ()
  (test-columns ["utf-16"])
  (semls--stop-all))

(ert-deftest semls-test-location-in-narrowed-buffer-is-visited ()
  (test-in "shop/store/session.rs"
    (narrow-to-region (point-min) (line-end-position))
    (semls-search test-query)
    (test-go 1)
    (should (equal (test-here) test-location))
    (widen)))

(ert-deftest semls-test-location-in-modified-buffer-is-current ()
  (test-in "shop/store/session.rs"
    (goto-char (point-min))
    (insert "// one\n// two 😀\n")
    (unwind-protect
        (progn
          (semls-search test-query)
          (test-go 1)
          (should (equal (test-here) '("session.rs" 29 11)))
          (semls-similar)
          (should (equal (car (test-listed)) "Similar to evict_expired"))
          (insert "//\n")
          (set-buffer-modified-p nil)
          (semls-search test-query)
          (should (string-prefix-p "27: SessionStore.evict_expired" (nth 1 (test-listed)))))
      (revert-buffer t t))))

(ert-deftest semls-test-send-buffers-with-invalid-text-succeeds ()
  (test-in "shop/store/session.rs"
    (goto-char (point-min))
    (insert "// " (unibyte-char-to-multibyte 200) ?\xd800 "\n")
    (unwind-protect
        (progn
          (semls-search test-query)
          (test-go 1)
          (should (equal (test-here) '("session.rs" 28 11)))
          (set-buffer-multibyte nil)
          (semls-search test-query)
          (set-buffer-multibyte t))
      (revert-buffer t t))))

(ert-deftest semls-test-uri-with-special-characters-is-decoded ()
  (test-in "notes/été 100%/a#b?.py"
    (should (equal (semls--path (semls--uri buffer-file-name)) (file-truename buffer-file-name)))
    (semls-search "feed the cat")
    (test-go 1)
    (should (equal (test-here) '("a#b?.py" 1 4)))))

;;;; Requests from the server

(ert-deftest semls-test-show-document-request-visits-the-file ()
  (test-in "shop/web/src/cart.ts"
    (semls--ask (test-root "shop") 'workspace/executeCommand
                `(:command "semls.openBest" :arguments [(:query ,test-query)]))
    (should (equal (test-here) test-location))))

(ert-deftest semls-test-settings-are-sent-and-applied ()
  (test-in "notes/todo.py"
    (semls--stop-all)
    (let ((semls-settings '(:model "hashing")))
      (semls-status))
    (test-until (string-search "hashing on " (semls-status)))
    (should (equal (semls--handle-request (gethash (test-root "notes") semls--connections) 'workspace/configuration
                                  '(:items [(:section "semls") (:section "other")]))
                   [(:model "hashing") nil]))
    (semls--stop-all)))

(ert-deftest semls-test-request-from-server-is-answered ()
  (dolist (method '(window/workDoneProgress/create client/registerCapability))
    (should-not (semls--handle-request nil method nil)))
  (should-error (semls--handle-request nil 'workspace/applyEdit nil) :type 'jsonrpc-error))

(ert-deftest semls-test-progress-is-shown-in-the-echo-area ()
  (let (shown)
    (cl-letf (((symbol-function 'message) (lambda (&rest all) (push (apply #'format all) shown))))
      (dolist (value '((:kind "begin" :title "semls" :percentage 0)
                       (:kind "report" :message "Embedding: 7 files" :percentage 42)
                       (:kind "end")))
        (semls--handle-notification nil '$/progress (list :token "one" :value value))))
    (should (equal shown '("semls: Embedding: 7 files")))))

(ert-deftest semls-test-command-of-workspace-is-ignored ()
  (let ((enable-local-variables :safe))
    (test-in "hostile/code.py"
      (should-not (local-variable-p 'semls-command))
      (should-not (local-variable-p 'semls-settings))
      (should (= semls-limit 7))
      (should (risky-local-variable-p 'semls-command)))))

;;; test-semls.el ends here
