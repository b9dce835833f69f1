/* links.c - with a library taken whole: it needs nothing but what it may know. */
int main(void)
{
    return 0;
}
