// A person thinks again before an evaluation is deleted; Python knows "keep".
(name) => !name || confirm(_("Delete this evaluation, its report and its table?")) ? name : "keep"
