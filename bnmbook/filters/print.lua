-- What the book in print needs: HTML, which only a browser shows, becomes what Typst can set.

-- Tables and lines of cost are read as HTML. Of an animation its last frame stays, as on paper; what
-- moves, runs a script, or is opened by a click has no place in print.
local function in_print(html)
  if html:find("<script", 1, true) then return {} end
  if html:find("<table", 1, true) or html:find('class=[\'"]cost%-box') then
    return pandoc.read(html, "html").blocks
  end
  local still = html:match('<img[^>]-class="still"[^>]*>')
  if still then return pandoc.read(still, "html").blocks end
  return {}
end

-- Whether a block shows the figure to explore, which is not on paper, nor what one can do with it.
local function is_explored(block)
  local found = false
  if block and block.t == "Div" then
    block:walk({ RawBlock = function(raw) found = found or raw.text:find('class="landscape"', 1, true) ~= nil end })
  end
  return found
end

function Pandoc(doc)
  if quarto.doc.is_format("html") then return nil end
  local headers = {}
  doc:walk({ Header = function(header) headers[header.identifier] = true end })
  doc = doc:walk({
    Blocks = function(blocks)
      local kept = pandoc.Blocks({})
      for i, block in ipairs(blocks) do
        if not (block.t == "Para" and is_explored(blocks[i + 1])) then kept:insert(block) end
      end
      return kept
    end,
  })
  return doc:walk({
    Div = function(div)
      if div.classes:includes("start") or div.classes:includes("on-screen") then return {} end
    end,
    Link = function(link) -- the book has no files: to a section of it, or nowhere
      if link.target:match("^https?:") then return nil end
      local id = link.target:match("#(.*)$")
      if not headers[id] then return link.content end
      link.target = "#" .. id
      return link
    end,
    Image = function(image) -- a pixel of the page, of which 96 are an inch
      local width = (image.attributes.width or ""):match("^(%d+)px$")
      if width then
        image.attributes.width = string.format("%.2fin", width / 96)
        return image
      end
    end,
    RawBlock = function(block)
      if block.format == "html" then return in_print(block.text) end
    end,
    RawInline = function(inline)
      if inline.format == "html" then return {} end
    end,
  })
end
