-- After rendering: drop the scripts that Quarto loads from a foreign host for Jupyter widgets.
-- It adds them to every notebook with an HTML output, such as a table; the book has no widgets.

for path in (os.getenv("QUARTO_PROJECT_OUTPUT_FILES") or ""):gmatch("[^\n]+") do
  local file = io.open(path, "rb")
  local page = file and path:match("%.html$") and file:read("a")
  if file then file:close() end
  if page then
    local offline = page
      :gsub('<script src="https://cdn%.jsdelivr%.net/npm/[^>]*></script>\n?', "")
      :gsub("<script type=\"application/javascript\">define%('jquery'.-</script>\n?", "")
    if offline ~= page then
      file = assert(io.open(path, "wb"))
      file:write(offline)
      file:close()
    end
  end
end
