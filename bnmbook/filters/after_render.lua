-- After rendering, four things that Quarto has no setting for.

-- Drop the scripts that Quarto loads from a foreign host for Jupyter widgets.
-- It adds them to every notebook with an HTML output, such as a table; the book has no widgets.
local function without_widgets(page)
  return (page
    :gsub('<script src="https://cdn%.jsdelivr%.net/npm/[^>]*></script>\n?', "")
    :gsub("<script type=\"application/javascript\">define%('jquery'.-</script>\n?", ""))
end

-- The page for addresses that do not exist is shown at any depth of a site that may lie in any folder.
-- Quarto's links in it begin at the root of the server. Here they become relative, and a script finds
-- the folder that they are relative to: the nearest one above the address with a search index.
local find_folder = [[<script>
if (location.protocol !== "file:") {
  let folder = location.pathname, found = false;
  while (!found && folder.length > 1) {
    folder = folder.replace(/[^/]*\/?$/, "");
    const request = new XMLHttpRequest();
    request.open("HEAD", folder + "search.json", false);
    request.send();
    found = request.status === 200 && /json/.test(request.getResponseHeader("content-type"));
  }
  document.write(`<base href="${folder}">`);
}
</script>
]]

local function anywhere(page)
  local root = page:match('="(/[^"]-)site_libs/')
  local function relative(before, link)
    return before .. (link:sub(1, #root) == root and "./" .. link:sub(#root + 1) or link)
  end
  return (page
    :gsub('((%f[%w]href)=")(/[^"]*)', function(before, _, link) return relative(before, link) end)
    :gsub('((%f[%w]src)=")(/[^"]*)', function(before, _, link) return relative(before, link) end)
    :gsub('(<meta name="quarto:offset" content=")(/[^"]*)', relative)
    :gsub("<head>\n", function(head) return head .. find_folder end, 1))
end

-- The first stop of the Tab key leads past the navigation. The deck has none in front of its slides.
local skip = '\n<nav aria-label="Past the navigation"><a class="skip-link" href="#quarto-document-content">Skip to content</a></nav>'

local function with_skip_link(page)
  if not page:find('id="quarto-document-content"', 1, true) or page:find('class="skip-link"', 1, true) then
    return page
  end
  return (page:gsub("<body[^>]*>", function(body) return body .. skip end, 1))
end

-- An enlarged figure has the alternative text that it has on the page.
local function with_alt(page)
  return (page:gsub('(<a href="[^"]*" class="lightbox")([^>]*>%s*<img [^>]-alt=("[^"]*"))', '%1 data-alt=%3%2'))
end

for path in (os.getenv("QUARTO_PROJECT_OUTPUT_FILES") or ""):gmatch("[^\n]+") do
  local file = io.open(path, "rb")
  local page = file and path:match("%.html$") and file:read("a")
  if file then file:close() end
  if page then
    local mended = with_alt(with_skip_link(without_widgets(page)))
    if pandoc.path.filename(path) == "404.html" then mended = anywhere(mended) end
    if mended ~= page then
      file = assert(io.open(path, "wb"))
      file:write(mended)
      file:close()
    end
  end
end
