-- Two things that every page of the book needs and that no notebook should have to write.

-- The headings of all chapters with a label, as `sec-x` = { words, link }.
local function labelled_sections(folder)
  local sections = {}
  for _, name in ipairs(pandoc.system.list_directory(folder)) do
    local file = name:match("%.ipynb$") and io.open(pandoc.path.join({ folder, name }), "rb")
    if file then
      for words, label in file:read("a"):gmatch('#+ ([^"\\]-) {#(sec%-[%w-]+)}') do
        sections[label] = { pandoc.read(words).blocks[1].content, name .. "#" .. label }
      end
      file:close()
    end
  end
  return sections
end

-- `@sec-x` becomes a link with the heading's own words, since headings carry no numbers. Unlike
-- Quarto's own references it also reaches the sections of other chapters.
local function link_sections(doc, sections)
  doc:walk({
    Header = function(h)
      sections[h.identifier] = { h.content, "#" .. h.identifier }
    end,
  })
  return doc:walk({
    Cite = function(cite)
      local id = cite.citations[1].id
      if id:match("^sec%-") and sections[id] then
        return pandoc.Quoted("DoubleQuote", { pandoc.Link(table.unpack(sections[id])) })
      end
    end,
  })
end

-- A line under the title of a chapter: its number, and links to download its notebook and the book.
-- Without `data-noresolveinput` Quarto would point the link at the HTML page.
local line = [[<p class="chapter-line"><span>Chapter %d</span> ]]
  .. [[<a href="%s" download data-noresolveinput="true">Download this notebook</a> ]]
  .. [[<a href="../brain-network-inference.zip" download>and the book that it needs</a>%s</p>]]

-- What the site's configuration says for a key, which Quarto keeps from filters.
local function configured(key)
  for _, name in ipairs({ "_quarto.yml.local", "_quarto.yml" }) do
    local file = io.open(pandoc.path.join({ quarto.project.directory or ".", name }), "rb")
    local text = file and "\n" .. file:read("a") or ""
    if file then file:close() end
    local value = text:match("\n *" .. key:gsub("%-", "%%-") .. ": *[\"']?([^%s\"'#]+)")
    if value then return (value:gsub("/$", "")) end
  end
end

-- Links that open a chapter elsewhere, and what Colab needs, where a repository on GitHub is
-- configured: as in bundle.py, for the reduced site.
local function launches(name)
  local address = configured("repo-url") or ""
  local repository = address:gsub("%.git$", ""):match("^https://github%.com/([^/]+/[^/]+)$")
  if not repository then return "" end
  local branch = configured("repo-branch") or "main"
  local links = [[ <a class="launch" href="https://colab.research.google.com/github/%s/blob/%s/chapters/%s">Open in Colab</a>]]
    .. [[ <a class="launch" href="https://mybinder.org/v2/gh/%s/%s?labpath=chapters/%s">Open in Binder</a>]]
    .. [[ <span>In Colab, first run <code>%%pip install git+%s</code></span>]]
  return links:format(repository, branch, name, repository, branch, name, address)
end

function Pandoc(doc)
  local folder = pandoc.path.directory(quarto.doc.input_file)
  local name = pandoc.path.filename(quarto.doc.input_file)
  doc = link_sections(doc, labelled_sections(folder))
  local number = name:match("^(%d+)%-.*%.ipynb$")
  if number then
    doc.blocks:insert(1, pandoc.RawBlock("html", line:format(tonumber(number), name, launches(name))))
  end
  return doc
end
