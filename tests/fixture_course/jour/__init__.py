"""Une moyenne | A mean"""
