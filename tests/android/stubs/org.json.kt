package org.json

/** As much of Android's JSON as a flat object of numbers, strings and arrays of numbers needs. */
private fun valueOf(text: String): Any? =
  when {
    text == "null" -> null
    text.startsWith("\"") -> text.trim('"')
    text.startsWith("[") -> JSONArray(text.trim('[', ']').split(",").map { it.trim().toInt() })
    "." in text || "e" in text -> text.toDouble()
    else -> text.toInt()
  }

class JSONArray(private val values: List<Int>) {
  fun getInt(index: Int): Int = values[index]
}

class JSONObject(text: String) {
  private val values =
    Regex("\"(\\w+)\"\\s*:\\s*(\\[[^\\]]*\\]|\"[^\"]*\"|[^,}\\s]+)").findAll(text).associate {
      it.groupValues[1] to valueOf(it.groupValues[2])
    }

  fun opt(name: String): Any? = values[name]
}
