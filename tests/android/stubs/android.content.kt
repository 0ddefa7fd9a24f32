package android.content

open class Context {
  val assets = android.content.res.AssetManager()
  val resources = android.content.res.Resources()

  fun getString(id: Int): String = "$id"
}
