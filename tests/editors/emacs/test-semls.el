;;; test-semls.el --- Tests of semls.el with the real server  -*- lexical-binding: t; -*-

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pulse)
(require 'semls)

(defconst test-question "throw out visitors who were idle for too long")

(defconst test-place '("session.rs" 27 11)
  "Where `evict_expired' is.")

(defun test-path (&rest parts)
  "The path of PARTS in the workspaces."
  (expand-file-name (string-join parts "/") (getenv "SEMLS_TEST_FOLDER")))

(setq semls-command (list (getenv "SEMLS_TEST_PROGRAM") "lsp")
      pulse-flag nil) ; its timer fails where a buffer is killed at once

(defmacro test-in (file &rest body)
  "Visit FILE of the workspaces for BODY."
  (declare (indent 1))
  `(save-window-excursion
     (let ((default-directory default-directory))
       (find-file (test-path ,file))
       ,@body)))

(defmacro test-until (condition)
  "Wait until CONDITION holds, and give its value."
  `(with-timeout ((string-to-number (getenv "SEMLS_TEST_HANG")) (ert-fail "It hangs"))
     (let (value)
       (while (not (setq value ,condition))
         (accept-process-output nil 0.05))
       value)))

(defun test-here ()
  "The file, line and column of point, as a person counts lines and Emacs columns."
  (with-current-buffer (window-buffer)
    (list (file-name-nondirectory buffer-file-name)
          (line-number-at-pos nil t)
          (- (point) (line-beginning-position)))))

(defun test-listed ()
  "The lines of the list, the first one its title."
  (with-current-buffer "*xref*"
    (mapcar #'string-trim (split-string (buffer-string) "\n" t))))

(defun test-go (row)
  "Go to the hit in ROW of the list."
  (with-current-buffer "*xref*"
    (goto-char (point-min))
    (forward-line row)
    (xref-goto-xref)))

(defun test-terminal (&rest arguments)
  "The hits that the command line gives for ARGUMENTS."
  (with-temp-buffer
    (apply #'call-process (car semls-command) nil '(t nil) nil "search" "--json" arguments)
    (goto-char (point-min))
    (append (plist-get (json-parse-buffer :object-type 'plist) :hits) nil)))

(defun test-root (name)
  "The root of workspace NAME, as servers are known by."
  (file-name-as-directory (file-truename (test-path name))))

(defun test-connection (name)
  "A connection of NAME to nobody."
  (make-instance 'semls--connection :name name :process (make-pipe-process :name name :noquery t)))

(defun test-process (name)
  "The process of the server of workspace NAME."
  (jsonrpc--process (gethash (test-root name) semls--connections)))

(defun test-embed ()
  "Wait until all of this project is embedded."
  (test-until (string-search ": ready" (semls-status))))

;;;; Searching

(ert-deftest semls-test-search-lists-hits-in-the-servers-order ()
  (test-in "shop/web/src/cart.ts"
    (test-embed)
    (semls-search test-question)
    (let ((listed (test-listed)))
      (should (equal (car listed) test-question))
      (should (string-prefix-p "SessionStore.evict_expired  store/session.rs:27  Method  pub fn" (nth 1 listed)))
      (cl-loop for hit in (test-terminal test-question "--path" (test-path "shop") "-k" "50")
               for line in (cdr listed)
               do (should (string-search (format "%s  %s:%d" (plist-get hit :name) (plist-get hit :path)
                                                 (1+ (semls--row hit :selectionRange)))
                                         line))))))

(ert-deftest semls-test-search-goes-to-the-name-and-back ()
  (test-in "shop/web/src/cart.ts"
    (semls-search test-question)
    (test-go 1)
    (should (equal (test-here) test-place))
    (xref-pop-marker-stack)
    (should (equal (car (test-here)) "cart.ts"))))

(ert-deftest semls-test-search-asks-for-a-question ()
  (test-in "shop/web/src/cart.ts"
    (cl-letf (((symbol-function 'read-string) (lambda (&rest _) test-question)))
      (let ((current-prefix-arg '(4)))
        (call-interactively #'semls-search)))
    (should (equal (car (test-listed)) test-question))))

(ert-deftest semls-test-search-shows-what-the-server-says-of-a-wrong-filter ()
  (test-in "shop/web/src/cart.ts"
    (let ((said (cadr (should-error (semls-search "kind:nonsense visitors") :type 'user-error))))
      (should (string-prefix-p "Unknown kind 'nonsense'. Use one of " said)))))

(ert-deftest semls-test-search-says-that-nothing-is-found ()
  (test-in "shop/web/src/cart.ts"
    (should (equal (cadr (should-error (semls-search "path:no/such/folder visitors") :type 'user-error))
                   "Nothing is found"))))

(ert-deftest semls-test-live-candidates-keep-order-and-have-annotations ()
  (test-in "shop/web/src/cart.ts"
    (let* ((candidates (semls--candidates (test-root "shop") test-question))
           (item (semls--chosen (substring-no-properties (car candidates)) candidates)))
      (should (equal (substring-no-properties (car candidates))
                     "SessionStore.evict_expired  store/session.rs:27"))
      (should (string-search "Method  pub fn evict_expired" (semls--annotation (car candidates))))
      (should (equal (mapcar (lambda (one) (get-text-property 0 'semls-label (xref-item-summary one)))
                             (semls--search (test-root "shop") test-question))
                     candidates))
      (xref-pop-to-location item)
      (should (equal (test-here) test-place)))))

(ert-deftest semls-test-live-search-shows-a-sentence-for-a-wrong-filter ()
  (test-in "shop/web/src/cart.ts"
    (let ((candidates (semls--candidates (test-root "shop") "kind:nonsense")))
      (should (= (length candidates) 1))
      (should (string-prefix-p "Unknown kind" (car candidates)))
      (should-not (semls--chosen (car candidates) candidates)))))

(ert-deftest semls-test-a-key-ends-the-waiting ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (let ((unread-command-events (list ?x)))
      (should (eq t (while-no-input (semls--candidates (test-root "shop") test-question) 'answered))))
    (should (semls--candidates (test-root "shop") test-question))))

;;;; The other commands

(ert-deftest semls-test-similar-code ()
  (test-in "gpt/model/tokenizer.py"
    (test-embed)
    (goto-char (point-min))
    (forward-line 16)
    (semls-similar)
    (should (equal (car (test-listed)) "Like load_encoder"))
    (should (string-prefix-p "Tokenizer.load_decoder  model/tokenizer.py:" (nth 1 (test-listed))))))

(ert-deftest semls-test-similar-code-to-the-regions-beginning ()
  (test-in "gpt/model/tokenizer.py"
    (test-embed)
    (goto-char (point-min))
    (forward-line 16)
    (push-mark (point) t t)
    (goto-char (point-max))
    (let ((transient-mark-mode t))
      (semls-similar))
    (should (equal (car (test-listed)) "Like load_encoder"))))

(ert-deftest semls-test-similar-code-needs-a-file ()
  (with-temp-buffer
    (should (equal (cadr (should-error (semls-similar) :type 'user-error))
                   "Put point into the code to compare with, in a file"))))

(ert-deftest semls-test-context-is-markdown-and-killed ()
  (test-in "shop/web/src/cart.ts"
    (semls-context "how are expired sessions removed")
    (should (equal (buffer-name) "*semls context*"))
    (should (string-search "pub fn evict_expired" (buffer-string)))
    (should (equal (current-kill 0) (buffer-string)))
    (should (equal (semls--current-root) (test-root "shop")))))

(ert-deftest semls-test-status-and-mode-line ()
  (test-in "shop/web/src/cart.ts"
    (test-embed)
    (test-until (equal semls-mode-line "semls"))
    (should (string-match-p
             "shop: ready, 7 files, \\([0-9]+\\) of \\1 chunks embedded, .*all-MiniLM-L6-v2 on cpu"
             (semls-status)))))

(ert-deftest semls-test-mode-line-has-the-share ()
  (let ((semls--connections (make-hash-table)) semls-mode-line)
    (puthash 1 (test-connection "half") semls--connections)
    (puthash 2 (test-connection "new") semls--connections)
    (semls--hear (gethash 1 semls--connections) 'semls/didChangeStatus '(:chunks 100 :embedded 85))
    (should (equal semls-mode-line "semls 85%"))
    (semls--hear (gethash 2 semls--connections) 'semls/didChangeStatus '(:chunks 100 :embedded 0))
    (should (equal semls-mode-line "semls 42%"))
    (semls--forget (gethash 1 semls--connections))
    (semls--forget (gethash 2 semls--connections))
    (should (equal semls-mode-line ""))))

(ert-deftest semls-test-the-index-is-paused-resumed-renewed-and-cleared ()
  (test-in "shop/web/src/cart.ts"
    (semls-pause)
    (semls-clear)
    (test-until (string-search "shop: paused" (semls-status)))
    (semls-resume)
    (test-until (string-search "shop: ready" (semls-status)))
    (semls-reindex)
    (test-until (string-search "shop: ready" (semls-status)))
    (semls-search test-question)
    (should (nth 1 (test-listed)))))

(ert-deftest semls-test-every-command-has-a-key ()
  (dolist (name '("search" "similar" "context" "status" "reindex" "clear" "pause" "resume" "restart" "log"))
    (let ((command (intern (concat "semls-" name))))
      (should (commandp command))
      (should (where-is-internal command semls-command-map)))))

;;;; Servers

(ert-deftest semls-test-beside-eglot ()
  (skip-unless (require 'eglot nil t))
  (defvar eglot-server-programs)
  (test-in "gpt/model/tokenizer.py"
    (let ((eglot-server-programs `((python-mode . ,(split-string (getenv "SEMLS_TEST_OTHER"))))))
      (apply #'eglot (append (eglot--guess-contact) nil))
      (semls-search "turn text into numbers")
      (should (nth 1 (test-listed)))
      (should (eglot-managed-p))
      (should (equal "line 3, says the other server" (test-hover (eglot-current-server))))
      (test-go 1)
      (should (eglot-managed-p))
      (semls-restart)
      (should (equal "line 3, says the other server" (test-hover (eglot-current-server))))
      (eglot-shutdown (eglot-current-server))
      (semls-search "turn text into numbers"))))

(defun test-hover (server)
  "What SERVER, of Eglot, says of a line."
  (plist-get (jsonrpc-request server :textDocument/hover
                              `( :textDocument (:uri ,(semls--uri buffer-file-name))
                                 :position (:line 3 :character 0)))
             :contents))

(ert-deftest semls-test-beside-lsp-mode ()
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
      (semls-search test-question)
      (should (nth 1 (test-listed)))
      (should (equal "line 3, says the other server"
                     (gethash "contents"
                              (lsp-request "textDocument/hover"
                                           `( :textDocument (:uri ,(semls--uri buffer-file-name))
                                              :position (:line 3 :character 0))))))
      (lsp-workspace-shutdown (car (lsp-workspaces))))))

(ert-deftest semls-test-each-root-has-one-server ()
  (test-in "shop/web/src/cart.ts"
    (semls-search test-question))
  (test-in "shop/store/session.rs"
    (let ((running (test-process "shop")))
      (semls-search test-question)
      (should (eq running (test-process "shop")))))
  (test-in "gpt/train.py"
    (semls-search "turn text into numbers")
    (should (cl-every (lambda (line) (not (string-search "session.rs" line))) (test-listed)))
    (should (process-live-p (test-process "shop")))
    (should (process-live-p (test-process "gpt")))))

(ert-deftest semls-test-a-file-without-a-project-is-searched-with-its-folder ()
  (test-in "notes/todo.py"
    (should-not (project-current))
    (semls-search "water the plants")
    (test-go 1)
    (should (equal (test-here) '("todo.py" 1 4)))))

(ert-deftest semls-test-no-file-is-needed ()
  (with-temp-buffer
    (setq default-directory (test-root "shop"))
    (semls-search test-question)
    (should (string-prefix-p "SessionStore.evict_expired" (nth 1 (test-listed))))))

(ert-deftest semls-test-files-elsewhere-are-refused ()
  (with-temp-buffer
    (setq default-directory "/ssh:somewhere:/home/")
    (cl-letf (((symbol-function 'project-current) #'ignore))
      (should (string-prefix-p "The server searches on this machine"
                               (cadr (should-error (semls-search "anything") :type 'user-error)))))))

(ert-deftest semls-test-the-home-folder-is-not-read ()
  (with-temp-buffer
    (setq default-directory "~/")
    (should (string-prefix-p "All of your home folder would be read"
                             (cadr (should-error (semls-search "anything") :type 'user-error))))))

(ert-deftest semls-test-a-missing-server-is-said ()
  (test-in "notes/todo.py"
    (semls--stop-all)
    (let ((semls-command '("/no/such/semls" "lsp")))
      (should (equal (cadr (should-error (semls-search "anything") :type 'user-error))
                     (format-message
                      "The program /no/such/semls is not there: install semls, or set `semls-command'"))))))

(ert-deftest semls-test-a-server-that-does-not-start-is-said-and-started-anew ()
  (test-in "notes/todo.py"
    (semls--stop-all)
    (let ((semls-command '("sh" "-c" "echo no such luck >&2; exit 3")))
      (test-dead (lambda () (semls-search "anything")))
      (semls-log)
      (test-until (string-search "no such luck" (buffer-string))))
    (switch-to-buffer "todo.py")
    (semls-search "water the plants")))

(ert-deftest semls-test-a-killed-server-is-started-by-the-next-command ()
  (test-in "shop/web/src/cart.ts"
    (semls--stop-all)
    (semls-search test-question)
    (let ((old (test-process "shop")))
      (test-kill "shop")
      (should (equal semls-mode-line ""))
      (semls-search test-question)
      (should (string-prefix-p "SessionStore.evict_expired" (nth 1 (test-listed))))
      (should-not (eq old (test-process "shop"))))))

(ert-deftest semls-test-a-server-killed-while-it-is-asked-is-said ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (cl-letf (((symbol-function 'semls--send-buffers) (lambda (_) (test-kill "shop"))))
      (test-dead (lambda () (semls-search test-question))))))

(defun test-kill (name)
  "Kill the server of workspace NAME, and wait until jsonrpc has heard of it."
  (let ((process (test-process name)))
    (signal-process process 'SIGKILL)
    (test-until (process-get process 'jsonrpc-sentinel-cleanup-started))))

(defun test-dead (ask)
  "ASK a server that dies."
  (should (string-prefix-p "The server has died" (cadr (should-error (funcall ask) :type 'user-error)))))

(ert-deftest semls-test-servers-leave-properly ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (let ((process (test-process "shop")))
      (semls--stop-all)
      (should (eq 'exit (process-status process)))
      (should (= 0 (process-exit-status process)))
      (should (memq #'semls--dismiss-all kill-emacs-hook)))))

(ert-deftest semls-test-restart-makes-a-new-server ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (let ((old (test-process "shop")))
      (semls-restart)
      (should-not (process-live-p old))
      (should (process-live-p (test-process "shop"))))))

(ert-deftest semls-test-the-log-is-of-this-project ()
  (test-in "shop/web/src/cart.ts"
    (semls-status)
    (semls-log)
    (should (string-search "shop/ stderr" (buffer-name))))
  (test-in "notes/todo.py"
    (semls--stop-all)
    (should-error (semls-log) :type 'user-error)))

;;;; Places

(defun test-columns (encodings)
  "Offer ENCODINGS, and go to a name after signs of all widths."
  (semls--stop-all)
  (let ((introduction (symbol-function 'semls--introduction)))
    (cl-letf (((symbol-function 'semls--introduction)
               (lambda (connection)
                 (let ((params (funcall introduction connection)))
                   (plist-put (plist-get params :capabilities) :general
                              `(:positionEncodings ,encodings))
                   params))))
      (test-in "notes/signs.ts"
        (semls-search "name:reconnectSocket")
        (should (equal (semls--encoding (gethash (test-root "notes") semls--connections))
                       (aref encodings 0)))
        (test-go 1)
        (should (equal (test-here) '("signs.ts" 2 29)))))))

(ert-deftest semls-test-columns-in-utf-32 ()
  (test-columns ["utf-32" "utf-16"]))

(ert-deftest semls-test-columns-in-utf-16 ()
  (test-columns ["utf-16"])
  (semls--stop-all))

(ert-deftest semls-test-a-narrowed-buffer-is-widened ()
  (test-in "shop/store/session.rs"
    (narrow-to-region (point-min) (line-end-position))
    (semls-search test-question)
    (test-go 1)
    (should (equal (test-here) test-place))
    (widen)))

(ert-deftest semls-test-places-are-those-in-buffers-that-are-not-saved ()
  (test-in "shop/store/session.rs"
    (goto-char (point-min))
    (insert "// one\n// two 😀\n")
    (unwind-protect
        (progn
          (semls-search test-question)
          (test-go 1)
          (should (equal (test-here) '("session.rs" 29 11)))
          (semls-similar)
          (should (equal (car (test-listed)) "Like evict_expired"))
          (insert "//\n")
          (set-buffer-modified-p nil)
          (semls-search test-question)
          (should (string-search "session.rs:27" (nth 1 (test-listed)))))
      (revert-buffer t t))))

(ert-deftest semls-test-buffers-with-bytes-that-are-no-text-are-sent ()
  (test-in "shop/store/session.rs"
    (goto-char (point-min))
    (insert "// " (unibyte-char-to-multibyte 200) ?\xd800 "\n")
    (unwind-protect
        (progn
          (semls-search test-question)
          (test-go 1)
          (should (equal (test-here) '("session.rs" 28 11)))
          (set-buffer-multibyte nil)
          (semls-search test-question)
          (set-buffer-multibyte t))
      (revert-buffer t t))))

(ert-deftest semls-test-names-with-odd-characters ()
  (test-in "notes/été 100%/a#b?.py"
    (should (equal (semls--path (semls--uri buffer-file-name)) (file-truename buffer-file-name)))
    (semls-search "feed the cat")
    (test-go 1)
    (should (equal (test-here) '("a#b?.py" 1 4)))))

;;;; What the server asks

(ert-deftest semls-test-the-server-lets-a-document-be-shown ()
  (test-in "shop/web/src/cart.ts"
    (semls--ask (test-root "shop") 'workspace/executeCommand
                `(:command "semls.openBest" :arguments [(:query ,test-question)]))
    (should (equal (test-here) test-place))))

(ert-deftest semls-test-settings-are-given-and-count ()
  (test-in "notes/todo.py"
    (semls--stop-all)
    (let ((semls-settings '(:model "hashing")))
      (semls-status))
    (test-until (string-search "hashing on " (semls-status)))
    (should (equal (semls--answer (gethash (test-root "notes") semls--connections) 'workspace/configuration
                                  '(:items [(:section "semls") (:section "other")]))
                   [(:model "hashing") nil]))
    (semls--stop-all)))

(ert-deftest semls-test-requests-are-answered ()
  (dolist (method '(window/workDoneProgress/create client/registerCapability))
    (should-not (semls--answer nil method nil)))
  (should-error (semls--answer nil 'workspace/applyEdit nil) :type 'jsonrpc-error))

(ert-deftest semls-test-progress-is-shown ()
  (let (shown)
    (cl-letf (((symbol-function 'message) (lambda (&rest all) (push (apply #'format all) shown))))
      (dolist (value '((:kind "begin" :title "semls" :percentage 0)
                       (:kind "report" :message "Embedding: 7 files" :percentage 42)
                       (:kind "end")))
        (semls--hear nil '$/progress (list :token "one" :value value))))
    (should (equal shown '("semls: Embedding: 7 files")))))

(ert-deftest semls-test-a-workspace-does-not-choose-the-program ()
  (let ((enable-local-variables :safe))
    (test-in "hostile/code.py"
      (should-not (local-variable-p 'semls-command))
      (should-not (local-variable-p 'semls-settings))
      (should (= semls-limit 7))
      (should (risky-local-variable-p 'semls-command)))))

;;; test-semls.el ends here
