"""Pages and pictures of a data set; nothing here changes one."""
